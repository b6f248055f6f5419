// x sigmoid(x).

fn function(x: f32) -> f32 {
    return silu(x);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return (sigmoid(x) + x * sigmoid_slope(x)) * grad;
}
