// a^b. Where b is 0, a has no gradient; nor has b, where a is 0 and b is not negative.

fn function(a: f32, b: f32) -> f32 {
    return power(a, b);
}

// Of the gradient of a.
fn term_a(a: f32, b: f32, grad: f32) -> f32 {
    return select(b * power(a, b - 1.0) * grad, 0.0, b == 0.0);
}

// Of the gradient of b.
fn term_b(a: f32, b: f32, grad: f32) -> f32 {
    return select(power(a, b) * precise_log(a) * grad, 0.0, (a == 0.0) & (b >= 0.0));
}
