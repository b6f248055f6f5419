// x tanh(softplus(x)). With e = exp(-|x|), the tanh is (1 + 2 e) / (1 + 2 e + 2 e^2), or where x is negative (e^2 + 2 e) / (e^2 + 2 e + 2).

// tanh(softplus(x))
fn gate(x: f32) -> f32 {
    let e = precise_exp(-abs(x));
    let upper = select((e + 2.0) * e, 1.0 + 2.0 * e, x >= 0.0);
    return upper / (upper + 2.0 * select(1.0, e * e, x >= 0.0));
}

// 1 - tanh(softplus(x))^2
fn gate_rest(x: f32) -> f32 {
    let e = precise_exp(-abs(x));
    let upper = select((e + 2.0) * e, 1.0 + 2.0 * e, x >= 0.0);
    let more = 2.0 * select(1.0, e * e, x >= 0.0);
    return more * (upper + upper + more) / ((upper + more) * (upper + more));
}

fn function(x: f32) -> f32 {
    return x * gate(x);
}

fn gradient(x: f32, grad: f32) -> f32 {
    let inner = gate(x);
    return (inner + x * sigmoid(x) * gate_rest(x)) * grad;
}
