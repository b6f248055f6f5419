use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder};
use crate::kernels::matmul::subgroup_tile::{self, Params, kernel};

pub(crate) static MATMUL_SUBGROUP: Kernel = kernel!(
    "matmul_subgroup",
    "matmul/parts/matmul.wgsl",
    "matmul/parts/subgroup_a_along.wgsl",
    "matmul/parts/subgroup_b_along.wgsl",
    "matmul/parts/subgroup_elements.wgsl",
    "matmul/matmul_subgroup.wgsl"
);

pub(crate) fn matmul_subgroup(recorder: &mut Recorder, params: Params, parts: [&Part; 4]) -> Result<()> {
    let [.., bias, output] = parts;
    let params = Params { bias_first: bias.first, output_first: output.first, ..params };
    subgroup_tile::dispatch(recorder, &MATMUL_SUBGROUP, params, &parts)
}
