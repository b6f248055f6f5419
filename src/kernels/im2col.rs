use super::columns::{ColumnsLayout, Params};
use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};

pub(crate) static IM2COL_QUADS: Kernel = Kernel {
    name: "im2col",
    variant: "quads",
    files: wgsl!["shared/grid.wgsl", "shared/columns.wgsl", "shared/columns_quads.wgsl", "im2col.wgsl"],
    workgroup_size: 64,
};

pub(crate) static IM2COL_CHANNELS: Kernel = Kernel {
    name: "im2col",
    variant: "channels",
    files: wgsl!["shared/grid.wgsl", "shared/columns.wgsl", "shared/columns_channels.wgsl", "im2col.wgsl"],
    workgroup_size: 64,
};

fn kernel(layout: ColumnsLayout) -> &'static Kernel {
    match layout {
        ColumnsLayout::Quads => &IM2COL_QUADS,
        ColumnsLayout::Channels => &IM2COL_CHANNELS,
    }
}

pub(crate) fn compile(gpu: &Gpu, layout: ColumnsLayout) -> Result<()> {
    gpu.compile(kernel(layout))
}

pub(crate) fn im2col(
    recorder: &mut Recorder,
    layout: ColumnsLayout,
    params: Params,
    [packed, columns, channel_runs]: [&Part; 3],
) -> Result<()> {
    let params = Params { columns_first: columns.first, ..params };
    let bindings = [packed, columns, channel_runs];
    recorder.dispatch(kernel(layout), &params, &bindings, params.invocations())
}
