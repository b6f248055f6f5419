// The sigmoid, by parts/exp.wgsl, its derivative, and its product with x.

fn sigmoid(x: f32) -> f32 {
    // Of a negative argument, so that nothing overflows.
    let decay = precise_exp(-abs(x));
    return select(decay, 1.0, x >= 0.0) / (1.0 + decay);
}

fn sigmoid_slope(x: f32) -> f32 {
    let decay = precise_exp(-abs(x));
    return decay / ((1.0 + decay) * (1.0 + decay));
}

fn silu(x: f32) -> f32 {
    return x * sigmoid(x);
}
