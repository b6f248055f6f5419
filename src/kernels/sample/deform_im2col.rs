use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};
use crate::kernels::conv::columns::{ByLayout, ColumnsLayout, Params, by_layout};
use crate::kernels::form::Form;

macro_rules! kernel {
    ($variant:literal, $($file:literal),+) => {
        Kernel {
            name: "deform_im2col",
            variant: $variant,
            files: wgsl![
                "shared/grid.wgsl",
                "shared/border.wgsl",
                "shared/bilinear.wgsl",
                "shared/window.wgsl",
                "shared/taps.wgsl",
                "shared/columns/columns.wgsl",
                "shared/offsets.wgsl",
                "shared/modulated.wgsl",
                $($file,)+
                "sample/deform_im2col.wgsl",
            ],
            workgroup_size: 64,
        }
    };
}

pub(crate) static DEFORM_IM2COL: ByLayout = by_layout!(kernel);

pub(crate) fn compile(gpu: &Gpu, layout: ColumnsLayout, form: Form) -> Result<()> {
    gpu.compile(DEFORM_IM2COL.of(layout, form))
}

pub(crate) fn deform_im2col(
    recorder: &mut Recorder,
    (layout, form): (ColumnsLayout, Form),
    params: Params,
    [columns, packed, table]: [&Part; 3],
    [offset_y, offset_x, mask]: [&Part; 3],
) -> Result<()> {
    let params = Params { columns_first: columns.first, ..params };
    let kernel = DEFORM_IM2COL.of(layout, form);
    let bindings = [columns, packed, table, offset_y, offset_x, mask];
    recorder.dispatch(kernel, &params, &bindings, params.invocations(form), params.elements())
}
