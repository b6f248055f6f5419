// The cosine.

fn function(x: f32) -> f32 {
    return sine_cosine(x).y;
}

fn gradient(x: f32, grad: f32) -> f32 {
    return -sine_cosine(x).x * grad;
}
