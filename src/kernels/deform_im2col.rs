use super::columns::{ColumnsLayout, Params};
use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};

macro_rules! kernel {
    ($variant:literal, $quad:literal, $columns:literal) => {
        Kernel {
            name: "deform_im2col",
            variant: $variant,
            files: wgsl![
                "shared/grid.wgsl",
                "shared/border.wgsl",
                "shared/bilinear.wgsl",
                $quad,
                "shared/window.wgsl",
                "shared/taps.wgsl",
                "shared/columns.wgsl",
                $columns,
                "shared/offsets.wgsl",
                "shared/modulated.wgsl",
                "deform_im2col.wgsl",
            ],
            workgroup_size: 64,
        }
    };
}

pub(crate) static DEFORM_IM2COL_QUADS: Kernel = kernel!("quads", "shared/quad_f32.wgsl", "shared/columns_quads.wgsl");
pub(crate) static DEFORM_IM2COL_QUADS_U64: Kernel =
    kernel!("quads_u64", "shared/quad_u64.wgsl", "shared/columns_quads.wgsl");
pub(crate) static DEFORM_IM2COL_CHANNELS: Kernel =
    kernel!("channels", "shared/quad_f32.wgsl", "shared/columns_channels.wgsl");

fn kernel(gpu: &Gpu, layout: ColumnsLayout) -> &'static Kernel {
    match layout {
        ColumnsLayout::Quads if gpu.capabilities().wide_loads() => &DEFORM_IM2COL_QUADS_U64,
        ColumnsLayout::Quads => &DEFORM_IM2COL_QUADS,
        ColumnsLayout::Channels => &DEFORM_IM2COL_CHANNELS,
    }
}

pub(crate) fn compile(gpu: &Gpu, layout: ColumnsLayout) -> Result<()> {
    gpu.compile(kernel(gpu, layout))
}

pub(crate) fn deform_im2col(
    recorder: &mut Recorder,
    layout: ColumnsLayout,
    params: Params,
    [packed, columns, channel_runs]: [&Part; 3],
    [offset_y, offset_x, mask]: [&Part; 3],
) -> Result<()> {
    let params = Params { columns_first: columns.first, ..params };
    let kernel = kernel(recorder.gpu(), layout);
    let bindings = [packed, columns, channel_runs, offset_y, offset_x, mask];
    recorder.dispatch(kernel, &params, &bindings, params.invocations(), params.elements())
}
