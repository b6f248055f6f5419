use crate::error::Result;
use crate::gpu::{Kernel, Loops, Part, Recorder, wgsl};
use crate::kernels::form::{ByForm, Form};
use crate::kernels::params;

macro_rules! kernel {
    ($variant:literal, $place:literal, $given:literal) => {
        Kernel {
            name: "sample_planes",
            variant: $variant,
            files: wgsl!["shared/grid.wgsl", $place, $given, "sample/sample_planes.wgsl"],
            workgroup_size: 64,
        }
    };
}

pub(crate) static SAMPLE_PLANES: ByForm = ByForm {
    rows: kernel!("rows", "shared/rows/layout.wgsl", "shared/rows/given.wgsl"),
    panels: kernel!("panels", "shared/panels/layout.wgsl", "shared/panels/given.wgsl"),
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
