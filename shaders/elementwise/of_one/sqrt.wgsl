// The square root.

fn function(x: f32) -> f32 {
    return sqrt(x);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return grad / (2.0 * sqrt(x));
}
