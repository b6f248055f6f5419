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
    ],
    match layout {
        Layout::Rows => wgsl!["sample/parts/samples_offsets_buffer.wgsl"],
        Layout::Panels => wgsl!["sample/parts/samples_offsets_texture.wgsl", "shared/panels/layout.wgsl"],
    },
    of_layout!(layout, "offsets"),
    wgsl!["sample/parts/samples.wgsl", "shared/rows/made.wgsl", "sample/deform_samples.wgsl"],
]);

pub(crate) fn deform_samples(
    recorder: &mut Recorder,
    layout: Layout,
    params: Params,
    [cells, samples]: [&Binding; 2],
    offsets: &[&Binding],
) -> Fit {
    let invocations = u64::from(params.window.pixels) * u64::from(params.offsets.points);
    let bindings = [&[cells, samples], offsets].concat();
    recorder.dispatch::<Kernel>(layout, &params, &bindings, invocations, 4 * invocations)
}
