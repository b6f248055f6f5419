use crate::gpu::{Binding, Capabilities, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::matmul::end::End;
use crate::kernels::{activation, kernel, params};

kernel!("matmul_tiled", 64, Params, |operands: Operands| [
    activation::FUNCTIONS,
    wgsl!["shared/grid.wgsl", "matmul/parts/end.wgsl", "matmul/parts/matmul.wgsl", "matmul/base/bias.wgsl"],
    match operands {
        Operands::Elements => wgsl!["matmul/parts/tiled_a_elements.wgsl", "matmul/parts/tiled_b_elements.wgsl"],
        Operands::AlongAlong => wgsl!["matmul/parts/tiled_a_along.wgsl", "matmul/parts/tiled_b_along.wgsl"],
        Operands::AlongAcross => wgsl!["matmul/parts/tiled_a_along.wgsl", "matmul/parts/tiled_b_across.wgsl"],
        Operands::AcrossAcross => wgsl!["matmul/parts/tiled_a_across.wgsl", "matmul/parts/tiled_b_across.wgsl"],
    },
    wgsl!["matmul/matmul_tiled.wgsl"],
]);

/// How a and b are loaded: element by element, or in quads along the depth or across it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operands {
    Elements,
    AlongAlong,
    AlongAcross,
    AcrossAcross,
}

axis!(Operands { Elements: "", AlongAlong: "along.along", AlongAcross: "along.across", AcrossAcross: "across.across" });

params!(
    end: End,
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
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // 16 of the depth at a time; then two times four columns are found, and eight rows stored.
        let quad = Iterations::of(4u32);
        Iterations::of(self.depth.div_ceil(16)) + quad + quad + Iterations::of(8u32)
    }
}

/// Rows and columns of the tile that one workgroup does.
pub(crate) const TILE: [u32; 2] = [64, 64];

impl Params {
    fn tiles(&self) -> u64 {
        let [rows, columns] = TILE;
        [self.rows.div_ceil(rows), self.columns.div_ceil(columns), self.batch].map(u64::from).iter().product()
    }

    /// How the operands can be loaded: by quads where these lie at multiples of their size.
    fn operands(&self) -> Operands {
        let batch = |stride| if self.batch == 1 { 0 } else { stride };
        let quads = |numbers: [u32; 4]| numbers.iter().all(|number| number.is_multiple_of(4));
        let along = |element, [first, stride, vector]: [u32; 3]| {
            element == 1 && quads([first, batch(stride), vector, self.depth])
        };
        let across = |element, [first, stride, depth]: [u32; 3], vectors| {
            element == 1 && quads([first, batch(stride), depth, vectors])
        };
        let a_along = along(self.a_depth, [self.a_first, self.a_batch, self.a_row]);
        let b_along = along(self.b_depth, [self.b_first, self.b_batch, self.b_column]);
        let a_across = across(self.a_row, [self.a_first, self.a_batch, self.a_depth], self.rows);
        let b_across = across(self.b_column, [self.b_first, self.b_batch, self.b_depth], self.columns);
        match (a_along, b_along, a_across, b_across) {
            (true, true, ..) => Operands::AlongAlong,
            (true, _, _, true) => Operands::AlongAcross,
            (_, _, true, true) => Operands::AcrossAcross,
            _ => Operands::Elements,
        }
    }

    /// See [`Capabilities::work_per_dispatch`]. Adapters that run on the CPU emulate workgroup memory and barriers.
    pub(crate) fn work(&self, capabilities: &Capabilities) -> u64 {
        let products = self.tiles().saturating_mul(u64::from(TILE[0] * TILE[1])).saturating_mul(self.depth.into());
        products.saturating_mul(if capabilities.software() { 8 } else { 1 })
    }
}

pub(crate) fn matmul_tiled(recorder: &mut Recorder, params: Params, bindings: [&Binding; 4]) -> Fit {
    let [a, b, bias, output] = bindings;
    let params = Params { a_first: a.first, b_first: b.first, end: params.end.bound(bias, output), ..params };
    let work = params.work(recorder.gpu().capabilities());
    recorder.dispatch_workgroups::<Kernel>(
        params.operands(),
        &params,
        &bindings,
        params.tiles(),
        work,
        params.iterations(),
    )
}
