use super::matmul::Params;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static MATMUL_TILED: Kernel = Kernel {
    name: "matmul_tiled",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/matmul.wgsl", "matmul_tiled.wgsl"],
    workgroup_size: 64,
};

/// Rows and columns of the tile that one workgroup does.
const TILE: u32 = 64;

pub(crate) fn matmul_tiled(recorder: &mut Recorder, params: Params, parts: [&Part; 4]) -> Result<()> {
    let params = Params::starting_at(parts, params);
    recorder.dispatch_workgroups(&MATMUL_TILED, &params, &parts, params.tiles(TILE, TILE))
}
