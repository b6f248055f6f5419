use crate::error::Result;
use crate::gpu::{Axis, Binding, Fit, Gpu, Recorder, axis, wgsl};
use crate::kernels::matmul::subgroup_tile::{Params, TILED, dispatch, store_files};
use crate::kernels::stores::Stores;
use crate::kernels::{SUBGROUPS, activation, kernel};

kernel!("matmul_subgroup", 8, Params, |(a, stores): (A, Stores)| [
    SUBGROUPS,
    activation::BOUNDS,
    TILED,
    wgsl!["matmul/parts/matmul.wgsl"],
    match a {
        A::Panels => wgsl!["matmul/subgroup/a_along.wgsl"],
        A::Buffer => wgsl!["matmul/subgroup/a_buffer.wgsl"],
    },
    wgsl!["matmul/subgroup/b_along.wgsl"],
    store_files(stores),
    wgsl!["matmul/matmul_subgroup.wgsl"],
]);

/// Where a lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum A {
    Panels,
    /// In quads along its rows, in a buffer.
    Buffer,
}

axis!(A { Panels: "", Buffer: "buffer" });

/// Compiles all variants.
pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    <(A, Stores)>::all().into_iter().try_for_each(|variant| gpu.compile::<Kernel>(variant))
}

/// Records a product; of an a in a buffer, strides are counted in quads.
pub(crate) fn matmul_subgroup(recorder: &mut Recorder, a: A, params: Params, bindings: [&Binding; 4]) -> Fit {
    let [left, _, bias, output] = bindings;
    let params = Params { end: params.end.bound(bias, output), ..params };
    let params = if a == A::Buffer { Params { a_first: left.first / 4, ..params } } else { params };
    dispatch::<Kernel>(recorder, (a, params.stores()), params, &bindings)
}
