//! `Params` and tile of the matrix products by subgroups: matmul/parts/subgroup_tile.wgsl.

use crate::gpu::{Binding, File, Fit, Iterations, Listed, Loops, Recorder, wgsl};
use crate::kernels::params;

params!(
    rows,
    columns,
    depth,
    batch,
    a_first,
    a_batch,
    a_row,
    a_quad,
    a_quads,
    b_first,
    b_batch,
    b_row,
    b_quad,
    b_quads,
    output_first,
    output_batch,
    output_row,
    row_first,
    column_first,
    plane,
    output_plane,
    biased,
    accumulate,
    bias_first,
    bias_batch,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // Sixteen rows are stored by two halves, of which the longest kernel stores four columns in a loop, as it finds their offsets.
        let half = Iterations::of(4u32);
        let rows = Iterations::each(2u32, Iterations::each(8u32, half + half));
        Iterations::of(self.depth.div_ceil(4)) + half + half + rows
    }
}

/// The files that all have.
pub(crate) const TILED: &[File] =
    wgsl!["shared/grid.wgsl", "shared/panels/layout.wgsl", "matmul/parts/subgroup_tile.wgsl"];

/// Rows and columns of the tile that one workgroup does.
pub(crate) const TILE: [u32; 2] = [16, 64];

impl Params {
    fn tiles(&self) -> u64 {
        let [rows, columns] = TILE;
        [self.rows.div_ceil(rows), self.columns.div_ceil(columns), self.batch].map(u64::from).iter().product()
    }

    /// See [`Capabilities::work_per_dispatch`](crate::gpu::Capabilities::work_per_dispatch).
    pub(crate) fn work(&self) -> u64 {
        self.tiles().saturating_mul(u64::from(TILE[0] * TILE[1])).saturating_mul(self.depth.into())
    }
}

pub(crate) fn dispatch<K: Listed<Params = Params, Axes = ()>>(
    recorder: &mut Recorder,
    params: Params,
    bindings: &[&Binding],
) -> Fit {
    recorder.dispatch_workgroups::<K>((), &params, bindings, params.tiles(), params.work(), params.iterations())
}
