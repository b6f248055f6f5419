// a where it is at least 0, else a b. At 0 it has the gradients of the second case.

fn function(a: f32, b: f32) -> f32 {
    return select(a * b, a, a >= 0.0);
}

// Of the gradient of a.
fn term_a(a: f32, b: f32, grad: f32) -> f32 {
    return select(b * grad, grad, a > 0.0);
}

// Of the gradient of b.
fn term_b(a: f32, b: f32, grad: f32) -> f32 {
    return select(a * grad, 0.0, a > 0.0);
}
