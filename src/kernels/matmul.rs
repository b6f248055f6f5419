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
    bias_first,
    bias_batch,
);

impl Params {
    /// Tiles of the given extents that cover the output.
    pub(super) fn tiles(&self, rows: u32, columns: u32) -> u64 {
        let [rows, columns] = [self.rows.div_ceil(rows), self.columns.div_ceil(columns)].map(u64::from);
        rows * columns * u64::from(self.batch)
    }

    pub(super) fn starting_at([a, b, bias, output]: [&Part; 4], params: Self) -> Self {
        Self { a_first: a.first, b_first: b.first, bias_first: bias.first, output_first: output.first, ..params }
    }
}
