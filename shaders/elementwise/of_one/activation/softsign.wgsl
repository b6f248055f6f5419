// x / (1 + |x|).

fn function(x: f32) -> f32 {
    return x / (1.0 + abs(x));
}

fn gradient(x: f32, grad: f32) -> f32 {
    let value = 1.0 / (1.0 + abs(x));
    return value * value * grad;
}
