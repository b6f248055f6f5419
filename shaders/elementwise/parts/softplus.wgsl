// log(1 + exp(x)), by parts/exp.wgsl and parts/log.wgsl.
fn softplus(x: f32) -> f32 {
    return max(x, 0.0) + log_one_more(precise_exp(-abs(x)));
}
