use crate::gpu::{Binding, Fit, Recorder, wgsl};
use crate::kernels::matmul::subgroup_tile::{Params, TILED, dispatch};
use crate::kernels::{SUBGROUPS, kernel};

kernel!("matmul_subgroup_nn", 8, Params, |(): ()| [
    SUBGROUPS,
    wgsl!["shared/activation/params.wgsl"],
    TILED,
    wgsl![
        "matmul/subgroup/a_along.wgsl",
        "matmul/subgroup/b_texture.wgsl",
        "matmul/subgroup/b_across.wgsl",
        "matmul/subgroup/panels.wgsl",
        "matmul/matmul_subgroup_nn.wgsl",
    ],
]);

/// The output is a texture.
pub(crate) fn matmul_subgroup_nn(recorder: &mut Recorder, params: Params, bindings: [&Binding; 3]) -> Fit {
    dispatch::<Kernel>(recorder, (), params, &bindings)
}
