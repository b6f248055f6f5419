use crate::gpu::{Binding, Fit, Recorder};
use crate::kernels::columns::Params;
use crate::kernels::kernel;

kernel!(
    "deform_samples",
    64,
    Params,
    [
        "shared/grid.wgsl",
        "shared/border.wgsl",
        "shared/bilinear.wgsl",
        "shared/window.wgsl",
        "shared/columns/params.wgsl",
        "shared/taps.wgsl",
        "shared/offsets.wgsl",
        "sample/parts/samples.wgsl",
        "shared/rows/made.wgsl",
        "sample/deform_samples.wgsl",
    ]
);

pub(crate) fn deform_samples(
    recorder: &mut Recorder,
    params: Params,
    [cells, samples]: [&Binding; 2],
    [offset_y, offset_x, mask]: [&Binding; 3],
) -> Fit {
    let invocations = u64::from(params.window.pixels) * u64::from(params.offsets.points);
    let bindings = [cells, samples, offset_y, offset_x, mask];
    recorder.dispatch::<Kernel>((), &params, &bindings, invocations, 4 * invocations)
}
