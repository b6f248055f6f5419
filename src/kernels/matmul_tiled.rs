use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static MATMUL_TILED: Kernel = Kernel {
    name: "matmul_tiled",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "matmul_tiled.wgsl"],
    workgroup_size: 64,
};

params!(
    rows,
    columns,
    depth,
    batch,
    a_first,
    a_batch,
    a_row,
    a_depth,
    b_first,
    b_batch,
    b_depth,
    b_column,
    output_first,
    output_batch,
    output_row,
    column_first,
    block,
    output_block,
    biased,
    bias_first,
    bias_batch,
);

/// Rows and columns of the tile that one workgroup does.
const TILE: u32 = 64;

pub(crate) fn matmul_tiled(recorder: &mut Recorder, params: Params, [a, b, bias, output]: [&Part; 4]) -> Result<()> {
    let params =
        Params { a_first: a.first, b_first: b.first, bias_first: bias.first, output_first: output.first, ..params };
    let tiles = u64::from(params.rows.div_ceil(TILE)) * u64::from(params.columns.div_ceil(TILE));
    let workgroups = tiles * u64::from(params.batch);
    recorder.dispatch_workgroups(&MATMUL_TILED, &[], &params, &[a, b, bias, output], workgroups)
}
