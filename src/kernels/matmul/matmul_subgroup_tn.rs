use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder};
use crate::kernels::matmul::subgroup_tile::{self, Params, kernel};

pub(crate) static MATMUL_SUBGROUP_TN: Kernel = kernel!(
    "matmul_subgroup_tn",
    "matmul/parts/subgroup_a_across.wgsl",
    "matmul/parts/subgroup_b_across.wgsl",
    "matmul/parts/subgroup_quads.wgsl",
    "matmul/matmul_subgroup_tn.wgsl"
);

/// The output holds whole quads.
pub(crate) fn matmul_subgroup_tn(recorder: &mut Recorder, params: Params, parts: [&Part; 3]) -> Result<()> {
    let params = Params { output_first: parts[2].first, ..params };
    subgroup_tile::dispatch(recorder, &MATMUL_SUBGROUP_TN, params, &parts)
}
