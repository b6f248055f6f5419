// The error function.

fn function(x: f32) -> f32 {
    return erf(x);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return 1.1283792 * precise_exp(-x * x) * grad;
}
