use crate::error::Result;
use crate::gpu::{Binding, Fit, Gpu, Recorder, axis, wgsl};
use crate::kernels::matmul::subgroup_tile::{Params, TILED, dispatch, store_files};
use crate::kernels::stores::Stores;
use crate::kernels::{SUBGROUPS, activation, kernel};

kernel!("matmul_subgroup", 8, Params, |((a, b), stores): ((ALies, BLies), Stores)| [
    SUBGROUPS,
    activation::BOUNDS,
    TILED,
    wgsl!["matmul/parts/matmul.wgsl"],
    match a {
        ALies::Panels => wgsl!["matmul/subgroup/a_along.wgsl"],
        ALies::Buffer => wgsl!["matmul/subgroup/a_buffer.wgsl"],
    },
    match b {
        BLies::Panels => wgsl!["matmul/subgroup/b_texture.wgsl", "matmul/subgroup/b_along.wgsl"],
        BLies::HeldPanels => wgsl!["matmul/subgroup/b_held.wgsl", "matmul/subgroup/b_along.wgsl"],
        BLies::Buffer => wgsl!["matmul/subgroup/b_buffer.wgsl"],
    },
    store_files(stores),
    wgsl!["matmul/matmul_subgroup.wgsl"],
]);

/// Where a lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ALies {
    Panels,
    /// In a buffer, in quads along its rows.
    Buffer,
}

axis!(ALies { Panels: "panels", Buffer: "buffer" });

/// Where b lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BLies {
    Panels,
    /// In panels that a buffer holds.
    HeldPanels,
    /// In a buffer, in quads across its rows.
    Buffer,
}

axis!(BLies { Panels: "panels", HeldPanels: "held", Buffer: "buffer" });

/// Compiles all variants.
pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    gpu.compile_all::<Kernel>()
}

/// Records a product; of an operand in a buffer, strides are counted in quads.
pub(crate) fn matmul_subgroup(
    recorder: &mut Recorder,
    (a_lies, b_lies): (ALies, BLies),
    params: Params,
    bindings: [&Binding; 4],
) -> Fit {
    let [a, b, bias, output] = bindings;
    let params = Params {
        a_first: if a_lies == ALies::Buffer { a.first / 4 } else { params.a_first },
        b_first: if b_lies == BLies::Buffer { b.first / 4 } else { params.b_first },
        end: params.end.bound(bias, output),
        ..params
    };
    dispatch::<Kernel>(recorder, ((a_lies, b_lies), params.stores()), params, &bindings)
}
