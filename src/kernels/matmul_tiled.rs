use super::matmul::Params;
use crate::error::Result;
use crate::gpu::{Capabilities, Kernel, Part, Recorder, wgsl};

pub(crate) static MATMUL_TILED: Kernel = Kernel {
    name: "matmul_tiled",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/matmul.wgsl", "matmul_tiled.wgsl"],
    workgroup_size: 64,
};

/// Rows and columns of the tile that one workgroup does.
pub(crate) const TILE: [u32; 2] = [64, 64];

/// See [`Capabilities::work_per_dispatch`]. Adapters that run on the CPU emulate workgroup memory and barriers.
pub(crate) fn work(capabilities: &Capabilities, params: &Params) -> u64 {
    params.products(TILE).saturating_mul(if capabilities.software() { 8 } else { 1 })
}

pub(crate) fn matmul_tiled(recorder: &mut Recorder, params: Params, parts: [&Part; 4]) -> Result<()> {
    let params = Params::starting_at(parts, params);
    let work = work(recorder.gpu().capabilities(), &params);
    recorder.dispatch_workgroups(&MATMUL_TILED, &params, &parts, params.tiles(TILE), work)
}
