use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("zeros", 64, Params, ["shared/grid.wgsl", "movement/zeros.wgsl"]);

params!(elements, output_first);

/// Elements that an invocation writes.
const RUN: u32 = 16;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(RUN)
    }
}

pub(crate) fn zeros(recorder: &mut Recorder, elements: u32, output: &Binding) -> Fit {
    let params = Params { elements, output_first: output.first };
    recorder.dispatch::<Kernel>((), &params, &[output], elements.div_ceil(RUN).into(), elements.into())
}
