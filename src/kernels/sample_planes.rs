use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static SAMPLE_PLANES: Kernel = Kernel {
    name: "sample_planes",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "sample_planes.wgsl"],
    workgroup_size: 64,
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

pub(crate) fn sample_planes(recorder: &mut Recorder, params: Params, [gradients, plane]: [&Part; 2]) -> Result<()> {
    let params = Params { plane_first: plane.first, ..params };
    let invocations = u64::from(params.pixels) * u64::from(params.points);
    recorder.dispatch(&SAMPLE_PLANES, &params, &[gradients, plane], invocations, invocations)
}
