use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder};
use crate::kernels::matmul::subgroup_tile::{self, Params, kernel};

pub(crate) static MATMUL_SUBGROUP_NN: Kernel = kernel!(
    "matmul_subgroup_nn",
    "matmul/parts/subgroup_a_along.wgsl",
    "matmul/parts/subgroup_b_across.wgsl",
    "matmul/parts/subgroup_panels.wgsl",
    "matmul/matmul_subgroup_nn.wgsl"
);

/// The output is an image.
pub(crate) fn matmul_subgroup_nn(recorder: &mut Recorder, params: Params, parts: [&Part; 3]) -> Result<()> {
    subgroup_tile::dispatch(recorder, &MATMUL_SUBGROUP_NN, params, &parts)
}
