// exp(x).

fn function(x: f32) -> f32 {
    return precise_exp(x);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return precise_exp(x) * grad;
}
