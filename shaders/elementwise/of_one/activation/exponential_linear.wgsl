// beta x where x is above 0, else alpha (exp(x / gamma) - 1): elu, selu and celu.

fn function(x: f32) -> f32 {
    return select(params.alpha * exp_less_one(x / params.gamma), params.beta * x, x > 0.0);
}

fn gradient(x: f32, grad: f32) -> f32 {
    let decay = params.alpha / params.gamma * precise_exp(x / params.gamma);
    return select(decay, params.beta, x > 0.0) * grad;
}
