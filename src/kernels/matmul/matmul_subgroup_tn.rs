use crate::gpu::{Binding, Fit, Recorder, wgsl};
use crate::kernels::matmul::subgroup_tile::{Params, TILED, dispatch};
use crate::kernels::{SUBGROUPS, kernel};

kernel!("matmul_subgroup_tn", 8, Params, |(): ()| [
    SUBGROUPS,
    TILED,
    wgsl![
        "matmul/parts/subgroup_a_across.wgsl",
        "matmul/parts/subgroup_b_across.wgsl",
        "matmul/parts/subgroup_quads.wgsl",
        "matmul/matmul_subgroup_tn.wgsl",
    ],
]);

/// The output holds whole quads.
pub(crate) fn matmul_subgroup_tn(recorder: &mut Recorder, params: Params, bindings: [&Binding; 3]) -> Fit {
    let params = Params { output_first: bindings[2].first, ..params };
    dispatch::<Kernel>(recorder, params, &bindings)
}
