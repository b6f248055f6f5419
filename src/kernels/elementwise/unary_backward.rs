use crate::gpu::{Binding, Fit, Loops, Recorder, wgsl};
use crate::kernels::elementwise::unary::Function;
use crate::kernels::{kernel, params};

kernel!("unary_backward", 64, Params, |function: Function| [
    wgsl!["shared/grid.wgsl"],
    function.files(),
    wgsl!["elementwise/unary_backward.wgsl"],
]);

params!(
    elements,
    alpha: f32,
    beta: f32,
    gamma: f32,
    accumulate,
    input_first,
    grad_output_first,
    grad_input_first,
);

impl Loops for Params {}

pub(crate) fn unary_backward(
    recorder: &mut Recorder,
    (function, [alpha, beta, gamma]): (Function, [f32; 3]),
    elements: u32,
    accumulate: bool,
    [input, grad_output, grad_input]: [&Binding; 3],
) -> Fit {
    let params = Params {
        elements,
        alpha,
        beta,
        gamma,
        accumulate: accumulate.into(),
        input_first: input.first,
        grad_output_first: grad_output.first,
        grad_input_first: grad_input.first,
    };
    let bindings = [input, grad_output, grad_input];
    recorder.dispatch::<Kernel>(function, &params, &bindings, elements.into(), elements.into())
}
