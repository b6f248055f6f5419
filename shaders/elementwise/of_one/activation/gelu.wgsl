// x times the share of a normal distribution below x.

fn function(x: f32) -> f32 {
    return gelu(x);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return (normal_below(x) + x * normal_density(x)) * grad;
}
