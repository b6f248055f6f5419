// x / 2 (1 + tanh u) with u = sqrt(2 / pi) (x + 0.044715 x^3), which is x times the sigmoid of 2 u.

fn function(x: f32) -> f32 {
    return x * sigmoid(1.5957691 * (x + 0.044715 * x * x * x));
}

fn gradient(x: f32, grad: f32) -> f32 {
    let twice_u = 1.5957691 * (x + 0.044715 * x * x * x);
    let slope = 1.5957691 * (1.0 + 0.134145 * x * x);
    return (sigmoid(twice_u) + x * sigmoid_slope(twice_u) * slope) * grad;
}
