use crate::geometry::Unary;
use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::elementwise::unary;
use crate::kernels::{kernel, params};

kernel!("unary_backward", 64, Params, ["shared/grid.wgsl", "elementwise/unary_backward.wgsl"]);

params!(elements, operation, low: f32, high: f32, accumulate, input_first, grad_output_first, grad_input_first);

impl Loops for Params {}

/// As [`unary::operation`], where `Relu` is not an operation of its own.
pub(crate) fn operation(op: Unary) -> (u32, [f32; 2]) {
    match op {
        Unary::Relu => (3, [0.0; 2]),
        op => unary::operation(op),
    }
}

pub(crate) fn unary_backward(
    recorder: &mut Recorder,
    op: Unary,
    elements: u32,
    accumulate: bool,
    [input, grad_output, grad_input]: [&Binding; 3],
) -> Fit {
    let (operation, [low, high]) = operation(op);
    let params = Params {
        elements,
        operation,
        low,
        high,
        accumulate: accumulate.into(),
        input_first: input.first,
        grad_output_first: grad_output.first,
        grad_input_first: grad_input.first,
    };
    let bindings = [input, grad_output, grad_input];
    recorder.dispatch::<Kernel>((), &params, &bindings, elements.into(), elements.into())
}
