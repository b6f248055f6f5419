//! What the families of matrix products have in common: shared/matmul.wgsl.

use super::params;
use crate::gpu::Part;

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
    accumulate,
    bias_first,
    bias_batch,
);

impl Params {
    /// Tiles of the given extents that cover the output.
    pub(super) fn tiles(&self, [rows, columns]: [u32; 2]) -> u64 {
        let [rows, columns] = [self.rows.div_ceil(rows), self.columns.div_ceil(columns)].map(u64::from);
        rows * columns * u64::from(self.batch)
    }

    /// Multiplications with an addition in those tiles, beyond the output's edges too.
    pub(super) fn products(&self, tile: [u32; 2]) -> u64 {
        let [rows, columns] = tile.map(u64::from);
        (self.tiles(tile) * rows * columns).saturating_mul(self.depth.into())
    }

    pub(super) fn starting_at([a, b, bias, output]: [&Part; 4], params: Self) -> Self {
        Self { a_first: a.first, b_first: b.first, bias_first: bias.first, output_first: output.first, ..params }
    }
}
