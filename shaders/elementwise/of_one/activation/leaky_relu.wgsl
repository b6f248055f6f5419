// x where x is above 0, else alpha x.

fn function(x: f32) -> f32 {
    return select(params.alpha * x, x, x > 0.0);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return select(params.alpha * grad, grad, x > 0.0);
}
