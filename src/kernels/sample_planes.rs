use super::form::{ByForm, Form};
use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Loops, Part, Recorder, wgsl};

macro_rules! kernel {
    ($variant:literal, $place:literal, $given:literal) => {
        Kernel {
            name: "sample_planes",
            variant: $variant,
            files: wgsl!["shared/grid.wgsl", $place, $given, "sample_planes.wgsl"],
            workgroup_size: 64,
        }
    };
}

pub(crate) static SAMPLE_PLANES: ByForm = ByForm {
    rows: kernel!("rows", "shared/rows.wgsl", "shared/given_rows.wgsl"),
    panels: kernel!("panels", "shared/panels.wgsl", "shared/given_panels.wgsl"),
};

params!(
    component,
    pixel_first,
    pixels,
    out_pixels,
    taps,
    point_first,
    points,
    origin,
    batch,
    step,
    accumulate,
    plane_first,
);

impl Loops for Params {}

pub(crate) fn sample_planes(
    recorder: &mut Recorder,
    form: Form,
    params: Params,
    [gradients, plane]: [&Part; 2],
) -> Result<()> {
    let params = Params { plane_first: plane.first, ..params };
    let invocations = u64::from(params.pixels) * u64::from(params.points);
    recorder.dispatch(SAMPLE_PLANES.of(form), &params, &[gradients, plane], invocations, invocations)
}
