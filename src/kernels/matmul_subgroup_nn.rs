use super::subgroup_tile::{self, Params, kernel};
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder};

pub(crate) static MATMUL_SUBGROUP_NN: Kernel = kernel!(
    "matmul_subgroup_nn",
    "shared/subgroup_a_along.wgsl",
    "shared/subgroup_b_across.wgsl",
    "shared/subgroup_panels.wgsl",
    "matmul_subgroup_nn.wgsl"
);

/// The output is an image.
pub(crate) fn matmul_subgroup_nn(recorder: &mut Recorder, params: Params, parts: [&Part; 3]) -> Result<()> {
    subgroup_tile::dispatch(recorder, &MATMUL_SUBGROUP_NN, params, &parts)
}
