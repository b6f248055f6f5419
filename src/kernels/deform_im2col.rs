use super::columns::{ColumnsLayout, Params};
use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};

pub(crate) static DEFORM_IM2COL_QUADS: Kernel = Kernel {
    name: "deform_im2col",
    variant: "quads",
    files: wgsl![
        "shared/grid.wgsl",
        "shared/border.wgsl",
        "shared/bilinear.wgsl",
        "shared/columns.wgsl",
        "shared/columns_quads.wgsl",
        "deform_im2col.wgsl",
    ],
    workgroup_size: 64,
};

pub(crate) static DEFORM_IM2COL_CHANNELS: Kernel = Kernel {
    name: "deform_im2col",
    variant: "channels",
    files: wgsl![
        "shared/grid.wgsl",
        "shared/border.wgsl",
        "shared/bilinear.wgsl",
        "shared/columns.wgsl",
        "shared/columns_channels.wgsl",
        "deform_im2col.wgsl",
    ],
    workgroup_size: 64,
};

fn kernel(layout: ColumnsLayout) -> &'static Kernel {
    match layout {
        ColumnsLayout::Quads => &DEFORM_IM2COL_QUADS,
        ColumnsLayout::Channels => &DEFORM_IM2COL_CHANNELS,
    }
}

pub(crate) fn compile(gpu: &Gpu, layout: ColumnsLayout) -> Result<()> {
    gpu.compile(kernel(layout))
}

pub(crate) fn deform_im2col(
    recorder: &mut Recorder,
    layout: ColumnsLayout,
    params: Params,
    [packed, columns, channel_runs, offset_y, offset_x, mask]: [&Part; 6],
) -> Result<()> {
    let params = Params {
        columns_first: columns.first,
        offset_y_first: offset_y.first,
        offset_x_first: offset_x.first,
        mask_first: mask.first,
        ..params
    };
    let bindings = [packed, columns, channel_runs, offset_y, offset_x, mask];
    recorder.dispatch(kernel(layout), &params, &bindings, params.invocations())
}
