use super::matmul::Params;
use crate::error::Result;
use crate::gpu::{Capabilities, Gpu, Kernel, Part, Recorder, wgsl};

/// The files, behind the directive that browsers want for subgroup operations and naga does not know.
#[cfg(target_arch = "wasm32")]
macro_rules! with_subgroups {
    ($($file:literal),+ $(,)?) => { wgsl!["shared/enable_subgroups.wgsl", $($file),+] };
}

#[cfg(not(target_arch = "wasm32"))]
macro_rules! with_subgroups {
    ($($file:literal),+ $(,)?) => { wgsl![$($file),+] };
}

pub(super) use with_subgroups;

macro_rules! kernel {
    ($variant:literal, $quad:literal) => {
        Kernel {
            name: "matmul_subgroup",
            variant: $variant,
            files: with_subgroups!["shared/grid.wgsl", "shared/matmul.wgsl", $quad, "matmul_subgroup.wgsl"],
            workgroup_size: SUBGROUP,
        }
    };
}

pub(crate) static MATMUL_SUBGROUP: Kernel = kernel!("", "shared/quad_f32.wgsl");
pub(crate) static MATMUL_SUBGROUP_U64: Kernel = kernel!("u64", "shared/quad_u64.wgsl");

/// Invocations of a subgroup, and of a workgroup.
pub(super) const SUBGROUP: u32 = 8;
/// Rows and columns of the tile that one workgroup does.
pub(crate) const TILE: [u32; 2] = [32, 64];

/// Whether the device is one that the kernel is for.
pub(crate) fn suits(capabilities: &Capabilities) -> bool {
    capabilities.software() && capabilities.subgroup_size() == Some(SUBGROUP)
}

/// Whether the operands lie as the kernel reads them.
pub(crate) fn takes(params: &Params, [a, b, ..]: [&Part; 4]) -> bool {
    let quads = [params.depth, a.first, params.a_batch, params.a_row, b.first, params.b_batch, params.b_column];
    params.a_depth == 1 && params.b_depth == 1 && quads.iter().all(|elements| elements.is_multiple_of(4))
}

fn kernel(gpu: &Gpu) -> &'static Kernel {
    if gpu.capabilities().wide_loads() { &MATMUL_SUBGROUP_U64 } else { &MATMUL_SUBGROUP }
}

pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    gpu.compile(kernel(gpu))
}

/// See [`Capabilities::work_per_dispatch`].
pub(crate) fn work(params: &Params) -> u64 {
    params.products(TILE)
}

pub(crate) fn matmul_subgroup(recorder: &mut Recorder, params: Params, parts: [&Part; 4]) -> Result<()> {
    let params = Params::starting_at(parts, params);
    recorder.dispatch_workgroups(kernel(recorder.gpu()), &params, &parts, params.tiles(TILE), work(&params))
}
