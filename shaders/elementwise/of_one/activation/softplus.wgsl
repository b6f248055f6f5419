// log(1 + exp(x)).

fn function(x: f32) -> f32 {
    return softplus(x);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return sigmoid(x) * grad;
}
