use crate::error::Result;
use crate::gpu::{Binding, Fit, Gpu, Recorder, axis, wgsl};
use crate::kernels::matmul::subgroup_tile::{Params, TILED, dispatch, store_files};
use crate::kernels::stores::Stores;
use crate::kernels::{SUBGROUPS, activation, kernel};

kernel!("matmul_subgroup", 8, Params, |((a, b), stores): ((Lies, Lies), Stores)| [
    SUBGROUPS,
    activation::BOUNDS,
    TILED,
    wgsl!["matmul/parts/matmul.wgsl"],
    match a {
        Lies::Panels => wgsl!["matmul/subgroup/a_along.wgsl"],
        Lies::Buffer => wgsl!["matmul/subgroup/a_buffer.wgsl"],
    },
    match b {
        Lies::Panels => wgsl!["matmul/subgroup/b_along.wgsl"],
        Lies::Buffer => wgsl!["matmul/subgroup/b_buffer.wgsl"],
    },
    store_files(stores),
    wgsl!["matmul/matmul_subgroup.wgsl"],
]);

/// Where an operand lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lies {
    Panels,
    /// In a buffer, in quads: of a along its rows, of b across them.
    Buffer,
}

axis!(Lies { Panels: "panels", Buffer: "buffer" });

/// Compiles all variants.
pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    gpu.compile_all::<Kernel>()
}

/// Records a product; of an operand in a buffer, strides are counted in quads.
pub(crate) fn matmul_subgroup(
    recorder: &mut Recorder,
    [a_lies, b_lies]: [Lies; 2],
    params: Params,
    bindings: [&Binding; 4],
) -> Fit {
    let [a, b, bias, output] = bindings;
    let first = |lies: Lies, binding: &Binding, of_panels: u32| match lies {
        Lies::Panels => of_panels,
        Lies::Buffer => binding.first / 4,
    };
    let params = Params {
        a_first: first(a_lies, a, params.a_first),
        b_first: first(b_lies, b, params.b_first),
        end: params.end.bound(bias, output),
        ..params
    };
    dispatch::<Kernel>(recorder, ((a_lies, b_lies), params.stores()), params, &bindings)
}
