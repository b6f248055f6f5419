use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("zeros", 64, Params, ["shared/grid.wgsl", "movement/zeros.wgsl"]);

params!(elements, output_first);

impl Loops for Params {}

pub(crate) fn zeros(recorder: &mut Recorder, elements: u32, output: &Binding) -> Fit {
    let params = Params { elements, output_first: output.first };
    recorder.dispatch::<Kernel>((), &params, &[output], elements.into(), elements.into())
}
