use crate::gpu::{Binding, Fit, Recorder, wgsl};
use crate::kernels::columns::{ColumnsOrder, Params};
use crate::kernels::kernel;
use crate::kernels::layout::Layout;

kernel!("im2col", 64, Params, |(order, layout): (ColumnsOrder, Layout)| [
    wgsl![
        "shared/grid.wgsl",
        "shared/window.wgsl",
        "shared/columns/params.wgsl",
        "shared/taps.wgsl",
        "shared/columns/columns.wgsl"
    ],
    &order.files(layout),
    wgsl!["conv/im2col.wgsl"],
]);

pub(crate) fn im2col(
    recorder: &mut Recorder,
    (order, layout): (ColumnsOrder, Layout),
    params: Params,
    [columns, packed, table]: [&Binding; 3],
) -> Fit {
    let params = Params { columns_first: columns.first, ..params }.with_tap_runs(layout);
    recorder.dispatch::<Kernel>(
        (order, layout),
        &params,
        &[columns, packed, table],
        params.invocations(layout),
        params.elements(),
    )
}
