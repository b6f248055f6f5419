// The sigmoid; derivatives below 1e-37 may be 0.

fn function(x: f32) -> f32 {
    return exponential(x, false);
}

fn gradient(x: f32, grad: f32) -> f32 {
    // As in shared/exponential.wgsl.
    let decay = select(exp(-abs(x)), 0.0, abs(x) > 87.0);
    return decay / ((1.0 + decay) * (1.0 + decay)) * grad;
}
