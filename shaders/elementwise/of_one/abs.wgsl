// |x|; its derivative at 0 is 0.

fn function(x: f32) -> f32 {
    return abs(x);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return select(select(0.0, -grad, x < 0.0), grad, x > 0.0);
}
