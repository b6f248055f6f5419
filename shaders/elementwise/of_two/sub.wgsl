// a - b.

fn function(a: f32, b: f32) -> f32 {
    return a - b;
}

// Of the gradient of a.
fn term_a(a: f32, b: f32, grad: f32) -> f32 {
    return grad;
}

// Of the gradient of b.
fn term_b(a: f32, b: f32, grad: f32) -> f32 {
    return -grad;
}
