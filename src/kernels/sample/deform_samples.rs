use crate::gpu::{Binding, Fit, Recorder, wgsl};
use crate::kernels::columns::Params;
use crate::kernels::kernel;
use crate::kernels::layout::{Layout, of_layout};

kernel!("deform_samples", 64, Params, |layout: Layout| [
    wgsl![
        "shared/grid.wgsl",
        "shared/border.wgsl",
        "shared/bilinear.wgsl",
        "shared/window.wgsl",
        "shared/columns/params.wgsl",
        "shared/taps.wgsl",
        "shared/offsets.wgsl",
        "sample/parts/samples.wgsl",
    ],
    of_layout!(layout, "layout", "made"),
    wgsl!["sample/deform_samples.wgsl"],
]);

pub(crate) fn deform_samples(
    recorder: &mut Recorder,
    layout: Layout,
    params: Params,
    [cells, samples]: [&Binding; 2],
    [offset_y, offset_x, mask]: [&Binding; 3],
) -> Fit {
    let invocations = u64::from(params.window.pixels) * u64::from(params.offsets.points);
    recorder.dispatch::<Kernel>(
        layout,
        &params,
        &[cells, samples, offset_y, offset_x, mask],
        invocations,
        4 * invocations,
    )
}
