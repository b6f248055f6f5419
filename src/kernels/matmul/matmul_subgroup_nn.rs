use crate::gpu::{Fit, Part, Recorder, wgsl};
use crate::kernels::matmul::subgroup_tile::{Params, TILED, dispatch};
use crate::kernels::{SUBGROUPS, kernel};

kernel!("matmul_subgroup_nn", 8, Params, |(): ()| [
    SUBGROUPS,
    TILED,
    wgsl![
        "matmul/parts/subgroup_a_along.wgsl",
        "matmul/parts/subgroup_b_across.wgsl",
        "matmul/parts/subgroup_panels.wgsl",
        "matmul/matmul_subgroup_nn.wgsl",
    ],
]);

/// The output is an image.
pub(crate) fn matmul_subgroup_nn(recorder: &mut Recorder, params: Params, parts: [&Part; 3]) -> Fit {
    dispatch::<Kernel>(recorder, params, &parts)
}
