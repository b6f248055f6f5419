// 1 above 0 and -1 below; 0 and NaN stay. Its derivative is 0.

fn function(x: f32) -> f32 {
    return select(select(x, -1.0, x < 0.0), 1.0, x > 0.0);
}

fn gradient(x: f32, grad: f32) -> f32 {
    return 0.0;
}
