use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("sample_planes", 64, Params, ["shared/grid.wgsl", "shared/rows/given.wgsl", "sample/sample_planes.wgsl"]);

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

pub(crate) fn sample_planes(recorder: &mut Recorder, params: Params, [gradients, plane]: [&Binding; 2]) -> Fit {
    let params = Params { plane_first: plane.first, ..params };
    let invocations = u64::from(params.pixels) * u64::from(params.points);
    recorder.dispatch::<Kernel>((), &params, &[gradients, plane], invocations, invocations)
}
