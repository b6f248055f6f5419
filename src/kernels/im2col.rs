use super::columns::{ColumnsLayout, Params};
use super::form::{ByForm, Form};
use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};

macro_rules! kernel {
    ($variant:literal, $place:literal, $table:literal, $packed:literal, $($columns:literal),+) => {
        Kernel {
            name: "im2col",
            variant: $variant,
            files: wgsl![
                "shared/grid.wgsl",
                $place,
                $table,
                "shared/window.wgsl",
                "shared/taps.wgsl",
                "shared/columns.wgsl",
                $packed,
                $($columns,)+
                "im2col.wgsl",
            ],
            workgroup_size: 64,
        }
    };
}

pub(crate) static IM2COL_QUADS: ByForm = ByForm {
    rows: kernel!(
        "rows",
        "shared/rows.wgsl",
        "shared/table_rows.wgsl",
        "shared/packed_rows.wgsl",
        "shared/columns_quads.wgsl",
        "shared/columns_rows.wgsl"
    ),
    panels: kernel!(
        "panels",
        "shared/panels.wgsl",
        "shared/table_panels.wgsl",
        "shared/packed_panels.wgsl",
        "shared/columns_quads.wgsl",
        "shared/columns_panels.wgsl"
    ),
};
pub(crate) static IM2COL_CHANNELS: ByForm = ByForm {
    rows: kernel!(
        "channels.rows",
        "shared/rows.wgsl",
        "shared/table_rows.wgsl",
        "shared/packed_rows.wgsl",
        "shared/columns_channels.wgsl"
    ),
    panels: kernel!(
        "channels.panels",
        "shared/panels.wgsl",
        "shared/table_panels.wgsl",
        "shared/packed_panels.wgsl",
        "shared/columns_channels.wgsl"
    ),
};

fn kernel(layout: ColumnsLayout, form: Form) -> &'static Kernel {
    match layout {
        ColumnsLayout::Quads => IM2COL_QUADS.of(form),
        ColumnsLayout::Channels => IM2COL_CHANNELS.of(form),
    }
}

pub(crate) fn compile(gpu: &Gpu, layout: ColumnsLayout, form: Form) -> Result<()> {
    gpu.compile(kernel(layout, form))
}

pub(crate) fn im2col(
    recorder: &mut Recorder,
    (layout, form): (ColumnsLayout, Form),
    params: Params,
    [columns, packed, table]: [&Part; 3],
) -> Result<()> {
    let params = Params { columns_first: columns.first, ..params };
    let kernel = kernel(layout, form);
    recorder.dispatch(kernel, &params, &[columns, packed, table], params.invocations(), params.elements())
}
