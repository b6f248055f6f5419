use super::columns::{ColumnsLayout, Params};
use super::form::{ByForm, Form};
use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};

macro_rules! kernel {
    ($variant:literal, $place:literal, $table:literal, $packed:literal, $($columns:literal),+) => {
        Kernel {
            name: "deform_im2col",
            variant: $variant,
            files: wgsl![
                "shared/grid.wgsl",
                "shared/border.wgsl",
                "shared/bilinear.wgsl",
                $place,
                $table,
                "shared/window.wgsl",
                "shared/taps.wgsl",
                "shared/columns.wgsl",
                $packed,
                $($columns,)+
                "shared/offsets.wgsl",
                "shared/modulated.wgsl",
                "deform_im2col.wgsl",
            ],
            workgroup_size: 64,
        }
    };
}

pub(crate) static DEFORM_IM2COL_QUADS: ByForm = ByForm {
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
pub(crate) static DEFORM_IM2COL_CHANNELS: ByForm = ByForm {
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
        ColumnsLayout::Quads => DEFORM_IM2COL_QUADS.of(form),
        ColumnsLayout::Channels => DEFORM_IM2COL_CHANNELS.of(form),
    }
}

pub(crate) fn compile(gpu: &Gpu, layout: ColumnsLayout, form: Form) -> Result<()> {
    gpu.compile(kernel(layout, form))
}

pub(crate) fn deform_im2col(
    recorder: &mut Recorder,
    (layout, form): (ColumnsLayout, Form),
    params: Params,
    [columns, packed, table]: [&Part; 3],
    [offset_y, offset_x, mask]: [&Part; 3],
) -> Result<()> {
    let params = Params { columns_first: columns.first, ..params };
    let kernel = kernel(layout, form);
    let bindings = [columns, packed, table, offset_y, offset_x, mask];
    recorder.dispatch(kernel, &params, &bindings, params.invocations(), params.elements())
}
