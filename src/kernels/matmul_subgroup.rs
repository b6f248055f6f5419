use super::matmul::Params;
use crate::error::Result;
use crate::gpu::{Capabilities, Kernel, Part, Recorder, wgsl};

pub(crate) static MATMUL_SUBGROUP: Kernel = Kernel {
    name: "matmul_subgroup",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/matmul.wgsl", "matmul_subgroup.wgsl"],
    workgroup_size: SUBGROUP,
};

/// Invocations of a subgroup, and of a workgroup.
const SUBGROUP: u32 = 8;
/// Rows and columns of the tile that one workgroup does.
const TILE: [u32; 2] = [32, 64];

/// Whether the device is one that the kernel is for.
pub(crate) fn suits(capabilities: &Capabilities) -> bool {
    capabilities.software() && capabilities.subgroup_size() == Some(SUBGROUP)
}

/// Whether the operands lie as the kernel reads them.
pub(crate) fn takes(params: &Params, [a, b, ..]: [&Part; 4]) -> bool {
    let quads = [params.depth, a.first, params.a_batch, params.a_row, b.first, params.b_batch, params.b_column];
    params.a_depth == 1 && params.b_depth == 1 && quads.iter().all(|elements| elements.is_multiple_of(4))
}

pub(crate) fn matmul_subgroup(recorder: &mut Recorder, params: Params, parts: [&Part; 4]) -> Result<()> {
    let params = Params::starting_at(parts, params);
    recorder.dispatch_workgroups(&MATMUL_SUBGROUP, &params, &parts, params.tiles(TILE[0], TILE[1]))
}
