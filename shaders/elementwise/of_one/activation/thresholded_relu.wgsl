// x where it is above alpha, else 0. The derivative at alpha is 0.

fn function(x: f32) -> f32 {
    return select(0.0, x, x > params.alpha);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return select(0.0, grad, x > params.alpha);
}
