use crate::error::Result;
use crate::gpu::{Axis as _, Binding, Fit, Gpu, Iterations, Recorder, axis, wgsl};
use crate::kernels::activation::Ending;
use crate::kernels::matmul::subgroup_tile::{Params, Updates, store_files};
use crate::kernels::stores::Stores;
use crate::kernels::{SUBGROUPS, kernel};

kernel!("matmul_narrow", 64, Params, |(order, (ending, updates)): Axes| [
    SUBGROUPS,
    ending.files(),
    wgsl![
        "shared/grid.wgsl",
        "shared/panels/layout.wgsl",
        "matmul/parts/end.wgsl",
        "matmul/subgroup/params.wgsl",
        "matmul/parts/matmul.wgsl",
        "matmul/base/bias.wgsl",
    ],
    match order {
        Order::Across => wgsl!["matmul/narrow/across.wgsl"],
        Order::Along => wgsl!["matmul/narrow/along.wgsl"],
    },
    store_files(order.stores()),
    updates.files(),
    wgsl!["matmul/matmul_narrow.wgsl"],
]);

type Axes = (Order, (Ending, Updates));

/// How b lies in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Columns side by side, in quads; so are those of the output.
    Across,
    /// Each column in quads along it.
    Along,
}

axis!(Order { Across: "", Along: "along" });

impl Order {
    fn stores(self) -> Stores {
        match self {
            Self::Across => Stores::Quads,
            Self::Along => Stores::Elements,
        }
    }
}

/// The rows that an invocation does.
pub(crate) const MOST_ROWS: u32 = 4;

/// The iterations of a product so deep, of which the longest kernel stores four columns in a loop.
pub(crate) fn iterations(depth: u32) -> Iterations {
    Iterations::of(depth.div_ceil(4)) + Iterations::each(MOST_ROWS, Iterations::of(4u32))
}

/// Compiles the variants that end with bounds.
pub(crate) fn compile(gpu: &Gpu, updates: Updates) -> Result<()> {
    Order::all().into_iter().try_for_each(|order| gpu.compile::<Kernel>((order, (Ending::Bounds, updates))))
}

/// Records a product of few rows.
pub(crate) fn matmul_narrow(recorder: &mut Recorder, order: Order, params: Params, bindings: [&Binding; 4]) -> Fit {
    let [_, b, bias, output] = bindings;
    let params = Params { b_first: b.first / 4, end: params.end.bound(bias, output), ..params };
    let quads = u64::from(params.batch) * u64::from(params.columns.div_ceil(4));
    let work = (16 * quads).saturating_mul(params.depth.into());
    recorder.dispatch_workgroups::<Kernel>(
        (order, (params.end.activation.ending(), params.updates())),
        &params,
        &bindings,
        quads.div_ceil(64),
        work,
        iterations(params.depth),
    )
}
