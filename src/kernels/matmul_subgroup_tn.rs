use super::matmul::Params;
use super::subgroup_tile::{self, Variants, in_quads, stores_quads, variants};
use crate::error::Result;
use crate::gpu::{Gpu, Part, Recorder};

pub(crate) static MATMUL_SUBGROUP_TN: Variants = variants!(
    "matmul_subgroup_tn",
    "shared/subgroup_quads.wgsl",
    "shared/subgroup_b_outer.wgsl",
    "matmul_subgroup_tn.wgsl"
);

/// Whether the operands lie as the kernel reads them.
pub(crate) fn takes(params: &Params, [a, b, _, output]: [&Part; 4]) -> bool {
    let quads = [params.rows, a.first, params.a_batch, params.a_depth, b.first, params.b_batch, params.b_depth];
    params.a_row == 1 && params.b_column == 1 && in_quads(&quads) && stores_quads(params, output)
}

pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    subgroup_tile::compile(gpu, &MATMUL_SUBGROUP_TN)
}

pub(crate) fn matmul_subgroup_tn(recorder: &mut Recorder, params: Params, parts: [&Part; 4]) -> Result<()> {
    subgroup_tile::dispatch(recorder, &MATMUL_SUBGROUP_TN, params, parts)
}
