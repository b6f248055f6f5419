// What is left of a divided by b, with the sign of a.

fn function(a: f32, b: f32) -> f32 {
    return remainder(a, b);
}

// Of the gradient of a.
fn term_a(a: f32, b: f32, grad: f32) -> f32 {
    return grad;
}

// Of the gradient of b: a / b cut to a whole number. Where the remainder is NaN, a / b is infinite or NaN.
fn term_b(a: f32, b: f32, grad: f32) -> f32 {
    let rest = remainder(a, b);
    return -select(round((a - rest) / b), a / b, is_nan(rest)) * grad;
}
