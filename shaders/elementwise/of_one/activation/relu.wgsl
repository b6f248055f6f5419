// The larger of x and 0; its derivative at 0, and where x is NaN, is 0.

fn function(x: f32) -> f32 {
    return select(x, 0.0, x < 0.0);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return select(0.0, grad, x > 0.0);
}
