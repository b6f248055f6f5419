// x between the bounds alpha and beta. The derivative is 1 on the bounds, and 0 where x is NaN.

fn function(x: f32) -> f32 {
    return clip(x, params.alpha, params.beta);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return select(0.0, grad, (x >= params.alpha) & (x <= params.beta));
}
