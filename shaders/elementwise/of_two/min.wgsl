// The smaller of a and b, or NaN where one is NaN. Of two that are equal each has half the gradient; where one is NaN, both have the whole.

fn function(a: f32, b: f32) -> f32 {
    let found = relation(a, b);
    let value = select(a, b, found == GREATER);
    return select(value, a + b, found == UNORDERED);
}

// Of the gradient of a.
fn term_a(a: f32, b: f32, grad: f32) -> f32 {
    return select(select(grad, 0.5 * grad, relation(a, b) == EQUAL), 0.0, relation(a, b) == GREATER);
}

// Of the gradient of b.
fn term_b(a: f32, b: f32, grad: f32) -> f32 {
    return select(select(grad, 0.5 * grad, relation(b, a) == EQUAL), 0.0, relation(b, a) == GREATER);
}
