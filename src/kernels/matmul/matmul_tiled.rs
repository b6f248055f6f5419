use crate::gpu::{Binding, Capabilities, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("matmul_tiled", 64, Params, ["shared/grid.wgsl", "matmul/parts/matmul.wgsl", "matmul/matmul_tiled.wgsl"]);

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
    plane,
    output_plane,
    biased,
    accumulate,
    bias_first,
    bias_batch,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // Loading and multiplying 16 of the depth; then eight rows are stored, by eight columns.
        let stored = Iterations::of(8u32);
        let two = stored + stored;
        Iterations::each(self.depth.div_ceil(16), Iterations::of(4u32) + Iterations::of(16u32)) + two + two + two + two
    }
}

/// Rows and columns of the tile that one workgroup does.
pub(crate) const TILE: [u32; 2] = [64, 64];

impl Params {
    fn tiles(&self) -> u64 {
        let [rows, columns] = TILE;
        [self.rows.div_ceil(rows), self.columns.div_ceil(columns), self.batch].map(u64::from).iter().product()
    }

    /// See [`Capabilities::work_per_dispatch`]. Adapters that run on the CPU emulate workgroup memory and barriers.
    pub(crate) fn work(&self, capabilities: &Capabilities) -> u64 {
        let products = self.tiles().saturating_mul(u64::from(TILE[0] * TILE[1])).saturating_mul(self.depth.into());
        products.saturating_mul(if capabilities.software() { 8 } else { 1 })
    }
}

pub(crate) fn matmul_tiled(recorder: &mut Recorder, params: Params, bindings: [&Binding; 4]) -> Fit {
    let [a, b, bias, output] = bindings.map(|binding| binding.first);
    let params = Params { a_first: a, b_first: b, bias_first: bias, output_first: output, ..params };
    let work = params.work(recorder.gpu().capabilities());
    recorder.dispatch_workgroups::<Kernel>((), &params, &bindings, params.tiles(), work, params.iterations())
}
