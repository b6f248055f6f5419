// The natural logarithm.

fn function(x: f32) -> f32 {
    return precise_log(x);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return grad / x;
}
