use crate::error::Result;
use crate::gpu::{Axis, Binding, Fit, Gpu, Recorder, Subgroup, axis, wgsl};
use crate::kernels::matmul::subgroup_tile::{Params, TILED, dispatch, store_files};
use crate::kernels::stores::Stores;
use crate::kernels::{SUBGROUPS, activation, kernel};

kernel!("matmul_subgroup", subgroup.invocations(), Params, |((operands, stores), subgroup): Axes| [
    SUBGROUPS,
    activation::BOUNDS,
    subgroup.tile_file(),
    TILED,
    wgsl!["matmul/parts/matmul.wgsl"],
    match operands {
        Operands::Panels | Operands::HeldB | Operands::BufferB => wgsl!["matmul/subgroup/a_along.wgsl"],
        Operands::BufferA | Operands::Buffers => wgsl!["matmul/subgroup/a_buffer.wgsl"],
    },
    match operands {
        Operands::Panels | Operands::BufferA => wgsl!["matmul/subgroup/b_texture.wgsl", "matmul/subgroup/b_along.wgsl"],
        Operands::HeldB => wgsl!["matmul/subgroup/b_held.wgsl", "matmul/subgroup/b_along.wgsl"],
        Operands::BufferB | Operands::Buffers => wgsl!["matmul/subgroup/b_buffer.wgsl"],
    },
    store_files(stores),
    wgsl!["matmul/matmul_subgroup.wgsl"],
]);

type Axes = ((Operands, Stores), Subgroup);

/// Where a and b lie: in panels in a texture, but for those that are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operands {
    Panels,
    /// b in panels that a buffer holds.
    HeldB,
    /// a in a buffer, in quads along its rows.
    BufferA,
    /// b in a buffer, in quads across its rows.
    BufferB,
    /// Both in buffers.
    Buffers,
}

axis!(Operands { Panels: "panels", HeldB: "held_b", BufferA: "buffer_a", BufferB: "buffer_b", Buffers: "buffers" });

/// Compiles all variants of these subgroups.
pub(crate) fn compile(gpu: &Gpu, subgroup: Subgroup) -> Result<()> {
    <(Operands, Stores)>::all().into_iter().try_for_each(|axes| gpu.compile::<Kernel>((axes, subgroup)))
}

/// Records a product; of an operand in quads in a buffer, strides are counted in quads.
pub(crate) fn matmul_subgroup(
    recorder: &mut Recorder,
    subgroup: Subgroup,
    operands: Operands,
    params: Params,
    bindings: [&Binding; 4],
) -> Fit {
    let [a, b, bias, output] = bindings;
    let params = Params {
        a_first: if matches!(operands, Operands::BufferA | Operands::Buffers) { a.first / 4 } else { params.a_first },
        b_first: if matches!(operands, Operands::BufferB | Operands::Buffers) { b.first / 4 } else { params.b_first },
        end: params.end.bound(bias, output),
        ..params
    };
    dispatch::<Kernel>(recorder, subgroup, ((operands, params.stores()), subgroup), params, &bindings)
}
