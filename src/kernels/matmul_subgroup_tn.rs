use super::subgroup_tile::{self, Params, kernel};
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder};

pub(crate) static MATMUL_SUBGROUP_TN: Kernel = kernel!(
    "matmul_subgroup_tn",
    "shared/subgroup_a_across.wgsl",
    "shared/subgroup_b_across.wgsl",
    "shared/subgroup_quads.wgsl",
    "matmul_subgroup_tn.wgsl"
);

/// The output holds whole quads.
pub(crate) fn matmul_subgroup_tn(recorder: &mut Recorder, params: Params, parts: [&Part; 3]) -> Result<()> {
    let params = Params { output_first: parts[2].first, ..params };
    subgroup_tile::dispatch(recorder, &MATMUL_SUBGROUP_TN, params, &parts)
}
