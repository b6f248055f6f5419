// -x.

fn function(x: f32) -> f32 {
    return -x;
}

fn gradient(x: f32, grad: f32) -> f32 {
    return -grad;
}
