use crate::geometry::Unary;
use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("unary", 64, Params, ["shared/grid.wgsl", "shared/exponential.wgsl", "elementwise/unary.wgsl"]);

params!(elements, operation, low: f32, high: f32, input_first, output_first);

impl Loops for Params {}

/// `Unary` as the shader knows it: an operation and two bounds.
pub(crate) fn operation(op: Unary) -> (u32, [f32; 2]) {
    match op {
        Unary::Sigmoid => (0, [0.0; 2]),
        Unary::Tanh => (1, [0.0; 2]),
        Unary::Relu => operation(Unary::Clip { min: 0.0, max: f32::INFINITY }),
        Unary::Clip { min, max } => (2, [min, max]),
    }
}

pub(crate) fn unary(recorder: &mut Recorder, op: Unary, elements: u32, [input, output]: [&Binding; 2]) -> Fit {
    let (operation, [low, high]) = operation(op);
    let params = Params { elements, operation, low, high, input_first: input.first, output_first: output.first };
    recorder.dispatch::<Kernel>((), &params, &[input, output], elements.into(), elements.into())
}
