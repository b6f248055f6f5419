use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("run_starts", 64, Params, ["shared/grid.wgsl", "movement/run_starts.wgsl"]);

params!(elements, starts, steps);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.steps)
    }
}

/// Records where the runs of the keys below `starts` begin among so many sorted keys.
pub(crate) fn run_starts(recorder: &mut Recorder, elements: u32, starts: u32, bindings: [&Binding; 2]) -> Fit {
    let params = Params { elements, starts, steps: u32::BITS - elements.leading_zeros() };
    recorder.dispatch::<Kernel>((), &params, &bindings, starts.into(), starts.into())
}
