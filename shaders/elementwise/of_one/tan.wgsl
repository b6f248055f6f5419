// The tangent.

fn function(x: f32) -> f32 {
    let parts = sine_cosine(x);
    return parts.x / parts.y;
}

fn gradient(x: f32, grad: f32) -> f32 {
    let cosine = sine_cosine(x).y;
    return grad / (cosine * cosine);
}
