use crate::gpu::{Fit, Part, Recorder, wgsl};
use crate::kernels::conv::columns::{ColumnsLayout, Params};
use crate::kernels::form::Form;
use crate::kernels::kernel;

kernel!("deform_im2col", 64, Params, |(layout, form): (ColumnsLayout, Form)| [
    wgsl![
        "shared/grid.wgsl",
        "shared/border.wgsl",
        "shared/bilinear.wgsl",
        "shared/window.wgsl",
        "shared/columns/params.wgsl",
        "shared/taps.wgsl",
        "shared/columns/columns.wgsl",
        "shared/offsets.wgsl",
        "shared/modulated.wgsl",
    ],
    &layout.files(form),
    wgsl!["sample/deform_im2col.wgsl"],
]);

pub(crate) fn deform_im2col(
    recorder: &mut Recorder,
    (layout, form): (ColumnsLayout, Form),
    params: Params,
    [columns, packed, table]: [&Part; 3],
    [offset_y, offset_x, mask]: [&Part; 3],
) -> Fit {
    let params = Params { columns_first: columns.first, ..params };
    let bindings = [columns, packed, table, offset_y, offset_x, mask];
    recorder.dispatch::<Kernel>((layout, form), &params, &bindings, params.invocations(form), params.elements())
}
