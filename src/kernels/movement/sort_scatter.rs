use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!(
    "sort_scatter",
    256,
    Params,
    [
        "shared/grid.wgsl",
        "movement/parts/sums_before.wgsl",
        "movement/parts/sort_pass.wgsl",
        "movement/sort_scatter.wgsl"
    ]
);

params!(elements, blocks, shift);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let words = Iterations::of(8u32);
        Iterations::of(8u32) + Iterations::each(4u32, words + words + words)
    }
}

pub(crate) fn sort_scatter(recorder: &mut Recorder, params: Params, bindings: [&Binding; 5]) -> Fit {
    recorder.dispatch::<Kernel>((), &params, &bindings, 256 * u64::from(params.blocks), 4 * u64::from(params.elements))
}
