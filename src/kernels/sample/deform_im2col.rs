use crate::gpu::{Binding, Fit, Recorder, wgsl};
use crate::kernels::columns::{ColumnsOrder, Params};
use crate::kernels::kernel;
use crate::kernels::layout::{Layout, of_layout};

kernel!("deform_im2col", 64, Params, |(order, layout): (ColumnsOrder, Layout)| [
    wgsl![
        "shared/grid.wgsl",
        "shared/border.wgsl",
        "shared/bilinear.wgsl",
        "shared/window.wgsl",
        "shared/columns/params.wgsl",
        "shared/taps.wgsl",
        "shared/columns/columns.wgsl",
    ],
    match layout {
        Layout::Rows => wgsl!["sample/parts/columns_offsets_buffer.wgsl"],
        Layout::Panels => wgsl!["sample/parts/columns_offsets_texture.wgsl"],
    },
    of_layout!(layout, "offsets"),
    wgsl!["shared/modulated.wgsl"],
    &order.files(layout),
    wgsl!["sample/deform_im2col.wgsl"],
]);

pub(crate) fn deform_im2col(
    recorder: &mut Recorder,
    (order, layout): (ColumnsOrder, Layout),
    params: Params,
    [columns, packed, table]: [&Binding; 3],
    offsets: &[&Binding],
) -> Fit {
    let params = Params { columns_first: columns.first, ..params }.with_tap_runs(layout);
    let bindings = [&[columns, packed, table], offsets].concat();
    recorder.dispatch::<Kernel>((order, layout), &params, &bindings, params.invocations(layout), params.elements())
}
