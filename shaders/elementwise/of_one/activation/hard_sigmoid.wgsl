// alpha x + beta between 0 and 1; its derivative is 0 where the line is at 0 or 1.

fn function(x: f32) -> f32 {
    let line = params.alpha * x + params.beta;
    return select(select(line, 0.0, line < 0.0), 1.0, line > 1.0);
}

fn gradient(x: f32, grad: f32) -> f32 {
    let line = params.alpha * x + params.beta;
    return select(0.0, params.alpha * grad, (line > 0.0) & (line < 1.0));
}
