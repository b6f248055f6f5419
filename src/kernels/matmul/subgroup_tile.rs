//! `Params` and tile of the matrix products by subgroups: matmul/subgroup/params.wgsl, tile.wgsl.

use crate::gpu::{Binding, Capabilities, File, Fit, Iterations, Listed, Loops, Recorder, Subgroup, axis, wgsl};
use crate::kernels::matmul::end::End;
use crate::kernels::params;
use crate::kernels::stores::Stores;

params!(
    end: End,
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
    by_columns,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.depth.div_ceil(4)) + ends()
    }
}

/// The iterations around those of the depth: up to four biases of an invocation's rows, and eight times two rows by two halves, of which the longest kernel stores
/// four columns in a loop.
pub(crate) fn ends() -> Iterations {
    let half = Iterations::of(4u32);
    let row = half + half;
    Iterations::of(4u32) + Iterations::each(8u32, row + row)
}

axis!(Subgroup { Of4: "4", Of8: "8" });

impl Subgroup {
    /// The subgroups that multiply matrices, on an adapter that keeps workspace in textures.
    pub(crate) fn multiplying(capabilities: &Capabilities) -> Option<Self> {
        capabilities.cpu_subgroup().filter(|_| capabilities.textures())
    }

    /// Rows and columns of a product's tile, which one workgroup does.
    pub(crate) fn tile(self) -> [u32; 2] {
        [16, 8 * self.invocations()]
    }

    /// The file of a product's tile that depends on the number of invocations.
    pub(crate) fn tile_file(self) -> &'static [File] {
        match self {
            Self::Of4 => wgsl!["matmul/parts/subgroup_of_4.wgsl"],
            Self::Of8 => wgsl!["matmul/parts/subgroup_of_8.wgsl"],
        }
    }
}

/// The files of products of matrices.
pub(crate) const TILED: &[File] = wgsl![
    "shared/grid.wgsl",
    "shared/panels/layout.wgsl",
    "matmul/parts/end.wgsl",
    "matmul/subgroup/params.wgsl",
    "matmul/subgroup/tile.wgsl",
    "matmul/subgroup/multiplied.wgsl",
];

impl Params {
    /// The workgroups of a product.
    pub(crate) fn tiles(&self, subgroup: Subgroup) -> u64 {
        let [rows, columns] = subgroup.tile();
        [self.rows.div_ceil(rows), self.columns.div_ceil(columns), self.batch].map(u64::from).iter().product()
    }

    /// See [`Capabilities::work_per_dispatch`](crate::gpu::Capabilities::work_per_dispatch).
    pub(crate) fn work(&self, subgroup: Subgroup) -> u64 {
        let [rows, columns] = subgroup.tile();
        self.tiles(subgroup).saturating_mul(u64::from(rows * columns)).saturating_mul(self.depth.into())
    }
}

/// Whether sums take the place of what the output holds, or are added to it: a variant of each kernel that does both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Updates {
    Replaces,
    Adds,
}

axis!(Updates { Replaces: "", Adds: "adds" });

impl Updates {
    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Self::Replaces => wgsl!["matmul/base/replaces.wgsl"],
            Self::Adds => wgsl!["matmul/base/adds.wgsl"],
        }
    }
}

/// The file that stores rows of the output.
pub(crate) fn store_files(stores: Stores) -> &'static [File] {
    match stores {
        Stores::Elements => wgsl!["matmul/subgroup/elements.wgsl"],
        Stores::Quads => wgsl!["matmul/subgroup/element_quads.wgsl"],
    }
}

impl Params {
    pub(crate) fn updates(&self) -> Updates {
        if self.end.accumulate == 0 { Updates::Replaces } else { Updates::Adds }
    }

    /// Quads where all four columns of an invocation lie side by side, at multiples of their size.
    pub(crate) fn stores(&self) -> Stores {
        let &Self { columns, batch, rows, end, .. } = self;
        let End { output_first, output_batch, output_row, column_first, plane, output_plane, .. } = end;
        let one_plane = column_first + columns <= plane;
        Stores::of(&[
            columns,
            column_first,
            output_first,
            if batch == 1 { 0 } else { output_batch },
            if rows == 1 { 0 } else { output_row },
            if one_plane { 0 } else { plane },
            if one_plane { 0 } else { output_plane },
        ])
    }
}

pub(crate) fn dispatch<K: Listed<Params = Params>>(
    recorder: &mut Recorder,
    subgroup: Subgroup,
    axes: K::Axes,
    params: Params,
    bindings: &[&Binding],
) -> Fit {
    let (workgroups, work) = (params.tiles(subgroup), params.work(subgroup));
    recorder.dispatch_workgroups::<K>(axes, &params, bindings, workgroups, work, params.iterations())
}
