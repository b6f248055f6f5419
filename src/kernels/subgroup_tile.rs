//! What the families of matrix products by subgroups have in common: shared/subgroup_tile.wgsl.

use super::matmul::Params;
use crate::error::Result;
use crate::gpu::{Capabilities, Gpu, Kernel, Part, Recorder};

/// The files, behind the directive that browsers want for subgroup operations and naga does not know.
#[cfg(target_arch = "wasm32")]
macro_rules! with_subgroups {
    ($($file:literal),+ $(,)?) => { crate::gpu::wgsl!["shared/enable_subgroups.wgsl", $($file),+] };
}

#[cfg(not(target_arch = "wasm32"))]
macro_rules! with_subgroups {
    ($($file:literal),+ $(,)?) => { crate::gpu::wgsl![$($file),+] };
}
pub(super) use with_subgroups;

/// A family's variants: tiles of 32 rows and of 64, with quads as words of 32 bits; the same with words of 64 bits.
pub(super) type Variants = [Kernel; 4];

macro_rules! variants {
    ($name:literal, $($file:literal),+) => {
        variants!(
            $name, [$($file),+];
            "rows_32", "shared/subgroup_rows_32.wgsl", "shared/quad_f32.wgsl";
            "rows_64", "shared/subgroup_rows_64.wgsl", "shared/quad_f32.wgsl";
            "rows_32.u64", "shared/subgroup_rows_32.wgsl", "shared/quad_u64.wgsl";
            "rows_64.u64", "shared/subgroup_rows_64.wgsl", "shared/quad_u64.wgsl"
        )
    };
    ($name:literal, $files:tt; $($variant:literal, $rows:literal, $quad:literal);+) => {
        [$(variants!($name, $variant, $rows, $quad, $files)),+]
    };
    ($name:literal, $variant:literal, $rows:literal, $quad:literal, [$($file:literal),+]) => {
        crate::gpu::Kernel {
            name: $name,
            variant: $variant,
            files: $crate::kernels::subgroup_tile::with_subgroups![
                "shared/grid.wgsl",
                "shared/matmul.wgsl",
                "shared/subgroup_tile.wgsl",
                $rows,
                $quad,
                $($file),+
            ],
            workgroup_size: $crate::kernels::subgroup_tile::SUBGROUP,
        }
    };
}
pub(super) use variants;

/// Invocations of a subgroup, and of a workgroup.
pub(super) const SUBGROUP: u32 = 8;

/// Whether the device is one that the families are for.
pub(crate) fn suits(capabilities: &Capabilities) -> bool {
    capabilities.software() && capabilities.subgroup_size() == Some(SUBGROUP)
}

/// Rows and columns of the tile that one workgroup does.
pub(crate) fn tile(params: &Params) -> [u32; 2] {
    [if params.rows > 32 { 64 } else { 32 }, 64]
}

/// See [`Capabilities::work_per_dispatch`].
pub(crate) fn work(params: &Params) -> u64 {
    params.products(tile(params))
}

/// The variants for a device: tiles of 32 rows, tiles of 64.
fn variants_for<'a>(gpu: &Gpu, variants: &'a Variants) -> &'a [Kernel] {
    if gpu.capabilities().wide_loads() { &variants[2..] } else { &variants[..2] }
}

/// Whether all are multiples of 4.
pub(super) fn in_quads(elements: &[u32]) -> bool {
    elements.iter().all(|elements| elements.is_multiple_of(4))
}

/// Whether the output can be stored in quads: shared/subgroup_quads.wgsl.
pub(super) fn stores_quads(params: &Params, output: &Part) -> bool {
    let Params { columns, output_batch, output_row, column_first, block, output_block, .. } = *params;
    in_quads(&[columns, output.first, output_batch, output_row, column_first, block, output_block])
}

pub(super) fn compile(gpu: &Gpu, variants: &'static Variants) -> Result<()> {
    variants_for(gpu, variants).iter().try_for_each(|kernel| gpu.compile(kernel))
}

pub(super) fn dispatch(
    recorder: &mut Recorder,
    variants: &'static Variants,
    params: Params,
    parts: [&Part; 4],
) -> Result<()> {
    let params = Params::starting_at(parts, params);
    let tile = tile(&params);
    let kernel = &variants_for(recorder.gpu(), variants)[usize::from(tile[0] == 64)];
    recorder.dispatch_workgroups(kernel, &params, &parts, params.tiles(tile), work(&params))
}
