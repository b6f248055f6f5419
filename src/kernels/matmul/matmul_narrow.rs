use crate::gpu::{Binding, Fit, Iterations, Recorder, wgsl};
use crate::kernels::activation::Ending;
use crate::kernels::matmul::subgroup_tile::Params;
use crate::kernels::stores::Updates;
use crate::kernels::{SUBGROUPS, kernel};

kernel!("matmul_narrow", 64, Params, |(ending, updates): (Ending, Updates)| [
    SUBGROUPS,
    ending.files(),
    wgsl![
        "shared/grid.wgsl",
        "shared/panels/layout.wgsl",
        "matmul/parts/end.wgsl",
        "matmul/subgroup/params.wgsl",
        "matmul/parts/matmul.wgsl",
        "matmul/base/bias.wgsl",
        "matmul/subgroup/element_quads.wgsl",
    ],
    updates.files(),
    wgsl!["matmul/matmul_narrow.wgsl"],
]);

/// The rows that an invocation does.
pub(crate) const MOST_ROWS: u32 = 4;

/// The iterations of a product so deep.
pub(crate) fn iterations(depth: u32) -> Iterations {
    Iterations::of(depth.div_ceil(4)) + Iterations::of(MOST_ROWS)
}

/// Records a product whose columns come in quads, and are stored so.
pub(crate) fn matmul_narrow(recorder: &mut Recorder, params: Params, bindings: [&Binding; 4]) -> Fit {
    let [_, b, bias, output] = bindings;
    let params = Params { b_first: b.first / 4, end: params.end.bound(bias, output), ..params };
    let quads = u64::from(params.batch) * u64::from(params.columns / 4);
    let work = (16 * quads).saturating_mul(params.depth.into());
    recorder.dispatch_workgroups::<Kernel>(
        (params.end.activation.ending(), params.updates()),
        &params,
        &bindings,
        quads.div_ceil(64),
        work,
        iterations(params.depth),
    )
}
