use crate::gpu::{Fit, Part, Recorder, wgsl};
use crate::kernels::conv::columns::{ColumnsLayout, Params};
use crate::kernels::form::Form;
use crate::kernels::kernel;

kernel!("im2col", 64, Params, |(layout, form): (ColumnsLayout, Form)| [
    wgsl![
        "shared/grid.wgsl",
        "shared/window.wgsl",
        "shared/columns/params.wgsl",
        "shared/taps.wgsl",
        "shared/columns/columns.wgsl"
    ],
    &layout.files(form),
    wgsl!["conv/im2col.wgsl"],
]);

pub(crate) fn im2col(
    recorder: &mut Recorder,
    (layout, form): (ColumnsLayout, Form),
    params: Params,
    [columns, packed, table]: [&Part; 3],
) -> Fit {
    let params = Params { columns_first: columns.first, ..params };
    recorder.dispatch::<Kernel>(
        (layout, form),
        &params,
        &[columns, packed, table],
        params.invocations(form),
        params.elements(),
    )
}
