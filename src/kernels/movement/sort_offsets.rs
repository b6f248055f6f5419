use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!(
    "sort_offsets",
    256,
    Params,
    ["shared/grid.wgsl", "movement/parts/sums_before.wgsl", "movement/sort_offsets.wgsl"]
);

params!(blocks);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::each(self.blocks.div_ceil(256), Iterations::of(8u32))
    }
}

pub(crate) fn sort_offsets(recorder: &mut Recorder, params: Params, bindings: [&Binding; 1]) -> Fit {
    recorder.dispatch::<Kernel>((), &params, &bindings, 256 * 256, 256 * u64::from(params.blocks))
}
