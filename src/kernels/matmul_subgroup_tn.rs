use super::subgroup_tile::{self, Params, kernel};
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder};

pub(crate) static MATMUL_SUBGROUP_TN: Kernel = kernel!(
    "matmul_subgroup_tn",
    "shared/matmul.wgsl",
    "shared/subgroup_a_across.wgsl",
    "shared/subgroup_b_across.wgsl",
    "shared/subgroup_elements.wgsl",
    "matmul_subgroup_tn.wgsl"
);

pub(crate) fn matmul_subgroup_tn(recorder: &mut Recorder, params: Params, parts: [&Part; 4]) -> Result<()> {
    let [.., bias, output] = parts;
    let params = Params { bias_first: bias.first, output_first: output.first, ..params };
    subgroup_tile::dispatch(recorder, &MATMUL_SUBGROUP_TN, params, &parts)
}
