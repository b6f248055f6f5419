use crate::gpu::{Binding, Fit, Recorder, Subgroup, wgsl};
use crate::kernels::matmul::subgroup_tile::{Params, TILED, dispatch};
use crate::kernels::{SUBGROUPS, kernel};

kernel!("matmul_subgroup_nn", subgroup.invocations(), Params, |subgroup: Subgroup| [
    SUBGROUPS,
    wgsl!["shared/activation/params.wgsl"],
    subgroup.tile_file(),
    TILED,
    wgsl![
        "matmul/subgroup/a_texture.wgsl",
        "matmul/subgroup/a_along.wgsl",
        "matmul/subgroup/b_texture.wgsl",
        "matmul/subgroup/b_across.wgsl",
        "matmul/base/no_bias.wgsl",
        "matmul/subgroup/panels.wgsl",
        "matmul/matmul_subgroup_nn.wgsl",
    ],
]);

/// The output is a texture.
pub(crate) fn matmul_subgroup_nn(
    recorder: &mut Recorder,
    subgroup: Subgroup,
    params: Params,
    bindings: [&Binding; 3],
) -> Fit {
    dispatch::<Kernel>(recorder, subgroup, subgroup, params, &bindings)
}
