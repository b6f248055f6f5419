use super::matmul::Params;
use super::subgroup_tile::{self, Variants, in_quads, variants};
use crate::error::Result;
use crate::gpu::{Gpu, Part, Recorder};

pub(crate) static MATMUL_SUBGROUP: Variants = variants!(
    "matmul_subgroup",
    "shared/subgroup_elements.wgsl",
    "shared/subgroup_a_inner.wgsl",
    "matmul_subgroup.wgsl"
);

/// Whether the operands lie as the kernel reads them.
pub(crate) fn takes(params: &Params, [a, b, ..]: [&Part; 4]) -> bool {
    let quads = [params.depth, a.first, params.a_batch, params.a_row, b.first, params.b_batch, params.b_column];
    params.a_depth == 1 && params.b_depth == 1 && in_quads(&quads)
}

pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    subgroup_tile::compile(gpu, &MATMUL_SUBGROUP)
}

pub(crate) fn matmul_subgroup(recorder: &mut Recorder, params: Params, parts: [&Part; 4]) -> Result<()> {
    subgroup_tile::dispatch(recorder, &MATMUL_SUBGROUP, params, parts)
}
