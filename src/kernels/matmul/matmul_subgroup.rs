use crate::gpu::{Binding, Fit, Recorder, wgsl};
use crate::kernels::matmul::subgroup_tile::{Params, TILED, dispatch};
use crate::kernels::{SUBGROUPS, kernel};

kernel!("matmul_subgroup", 8, Params, |(): ()| [
    SUBGROUPS,
    TILED,
    wgsl![
        "matmul/parts/matmul.wgsl",
        "matmul/parts/subgroup_a_along.wgsl",
        "matmul/parts/subgroup_b_along.wgsl",
        "matmul/parts/subgroup_elements.wgsl",
        "matmul/matmul_subgroup.wgsl",
    ],
]);

pub(crate) fn matmul_subgroup(recorder: &mut Recorder, params: Params, bindings: [&Binding; 4]) -> Fit {
    let [.., bias, output] = bindings;
    let params = Params { bias_first: bias.first, output_first: output.first, ..params };
    dispatch::<Kernel>(recorder, params, &bindings)
}
