use crate::geometry::Adam;
use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("adam", 64, Params, ["shared/grid.wgsl", "train/adam.wgsl"]);

params!(
    elements,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    weight_decay: f32,
    parameter_first,
    mean_first,
    variance_first,
    gradient_first,
    rates_first,
);

impl Loops for Params {}

pub(crate) fn adam(
    recorder: &mut Recorder,
    op: Adam,
    elements: u32,
    [parameter, mean, variance, gradient, rates]: [&Binding; 5],
) -> Fit {
    let params = Params {
        elements,
        beta1: op.beta1,
        beta2: op.beta2,
        epsilon: op.epsilon,
        weight_decay: op.weight_decay,
        parameter_first: parameter.first,
        mean_first: mean.first,
        variance_first: variance.first,
        gradient_first: gradient.first,
        rates_first: rates.first,
    };
    let bindings = [parameter, mean, variance, gradient, rates];
    recorder.dispatch::<Kernel>((), &params, &bindings, elements.into(), elements.into())
}
