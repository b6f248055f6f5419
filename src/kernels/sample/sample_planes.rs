use crate::gpu::{Binding, Fit, Loops, Recorder, wgsl};
use crate::kernels::layout::{Layout, of_layout};
use crate::kernels::{kernel, params};

kernel!("sample_planes", 64, Params, |layout: Layout| [
    wgsl!["shared/grid.wgsl"],
    of_layout!(layout, "layout", "given"),
    wgsl!["sample/sample_planes.wgsl"],
]);

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
    layout: Layout,
    params: Params,
    [gradients, plane]: [&Binding; 2],
) -> Fit {
    let params = Params { plane_first: plane.first, ..params };
    let invocations = u64::from(params.pixels) * u64::from(params.points);
    recorder.dispatch::<Kernel>(layout, &params, &[gradients, plane], invocations, invocations)
}
