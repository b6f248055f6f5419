// 1 / x.

fn function(x: f32) -> f32 {
    return 1.0 / x;
}

fn gradient(x: f32, grad: f32) -> f32 {
    let value = 1.0 / x;
    return -(value * value) * grad;
}
