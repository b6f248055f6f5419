use crate::geometry::Sgd;
use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("sgd", 64, Params, ["shared/grid.wgsl", "train/sgd.wgsl"]);

params!(elements, momentum: f32, weight_decay: f32, parameter_first, velocity_first, gradient_first, learning_rate_first);

impl Loops for Params {}

pub(crate) fn sgd(
    recorder: &mut Recorder,
    op: Sgd,
    elements: u32,
    [parameter, velocity, gradient, learning_rate]: [&Binding; 4],
) -> Fit {
    let params = Params {
        elements,
        momentum: op.momentum,
        weight_decay: op.weight_decay,
        parameter_first: parameter.first,
        velocity_first: velocity.first,
        gradient_first: gradient.first,
        learning_rate_first: learning_rate.first,
    };
    let bindings = [parameter, velocity, gradient, learning_rate];
    recorder.dispatch::<Kernel>((), &params, &bindings, elements.into(), elements.into())
}
