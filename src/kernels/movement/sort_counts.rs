use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("sort_counts", 256, Params, ["shared/grid.wgsl", "movement/parts/sort_pass.wgsl", "movement/sort_counts.wgsl"]);

params!(elements, blocks, shift);

/// Keys that a workgroup does.
pub(crate) const BLOCK: u32 = 1024;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(4u32)
    }
}

pub(crate) fn sort_counts(recorder: &mut Recorder, params: Params, bindings: [&Binding; 2]) -> Fit {
    recorder.dispatch::<Kernel>((), &params, &bindings, 256 * u64::from(params.blocks), params.elements.into())
}
