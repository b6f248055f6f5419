use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};
use crate::kernels::conv::columns::{ByLayout, ColumnsLayout, Params, by_layout};
use crate::kernels::form::Form;

macro_rules! kernel {
    ($variant:literal, $($file:literal),+) => {
        Kernel {
            name: "im2col",
            variant: $variant,
            files: wgsl![
                "shared/grid.wgsl",
                "shared/window.wgsl",
                "shared/taps.wgsl",
                "shared/columns/columns.wgsl",
                $($file,)+
                "conv/im2col.wgsl",
            ],
            workgroup_size: 64,
        }
    };
}

pub(crate) static IM2COL: ByLayout = by_layout!(kernel);

pub(crate) fn compile(gpu: &Gpu, layout: ColumnsLayout, form: Form) -> Result<()> {
    gpu.compile(IM2COL.of(layout, form))
}

pub(crate) fn im2col(
    recorder: &mut Recorder,
    (layout, form): (ColumnsLayout, Form),
    params: Params,
    [columns, packed, table]: [&Part; 3],
) -> Result<()> {
    let params = Params { columns_first: columns.first, ..params };
    let kernel = IM2COL.of(layout, form);
    recorder.dispatch(kernel, &params, &[columns, packed, table], params.invocations(form), params.elements())
}
