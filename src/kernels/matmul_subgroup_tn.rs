use super::matmul::Params;
use super::matmul_subgroup::{SUBGROUP, with_subgroups};
use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};

macro_rules! kernel {
    ($variant:literal, $quad:literal) => {
        Kernel {
            name: "matmul_subgroup_tn",
            variant: $variant,
            files: with_subgroups![
                "shared/grid.wgsl",
                "shared/matmul.wgsl",
                "shared/subgroup_tile.wgsl",
                $quad,
                "matmul_subgroup_tn.wgsl"
            ],
            workgroup_size: SUBGROUP,
        }
    };
}

pub(crate) static MATMUL_SUBGROUP_TN: Kernel = kernel!("", "shared/quad_f32.wgsl");
pub(crate) static MATMUL_SUBGROUP_TN_U64: Kernel = kernel!("u64", "shared/quad_u64.wgsl");

/// Rows and columns of the tile that one workgroup does.
pub(crate) const TILE: [u32; 2] = [64, 64];

/// Whether the operands lie as the kernel reads them. It is for the devices that `matmul_subgroup` suits.
pub(crate) fn takes(params: &Params, [a, b, ..]: [&Part; 4]) -> bool {
    let quads =
        [params.rows, params.columns, a.first, params.a_batch, params.a_depth, b.first, params.b_batch, params.b_depth];
    params.a_row == 1 && params.b_column == 1 && quads.iter().all(|elements| elements.is_multiple_of(4))
}

fn kernel(gpu: &Gpu) -> &'static Kernel {
    if gpu.capabilities().wide_loads() { &MATMUL_SUBGROUP_TN_U64 } else { &MATMUL_SUBGROUP_TN }
}

pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    gpu.compile(kernel(gpu))
}

/// See [`Capabilities::work_per_dispatch`](crate::gpu::Capabilities::work_per_dispatch).
pub(crate) fn work(params: &Params) -> u64 {
    params.products(TILE)
}

pub(crate) fn matmul_subgroup_tn(recorder: &mut Recorder, params: Params, parts: [&Part; 4]) -> Result<()> {
    let params = Params::starting_at(parts, params);
    recorder.dispatch_workgroups(kernel(recorder.gpu()), &params, &parts, params.tiles(TILE), work(&params))
}
