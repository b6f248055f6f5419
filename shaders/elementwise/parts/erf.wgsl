// The error function, and the normal distribution's, to within some units in the last place. By parts/exp.wgsl.

// erf(x) for |x| up to ERF_NEAR.
const ERF_NEAR = 0.927734375;

fn erf_near_zero(x: f32) -> f32 {
    let s = x * x;
    let series = ((((-5.96761703e-4 * s + 4.99119423e-3) * s - 2.67681349e-2) * s + 1.12819925e-1) * s - 3.76125336e-1) * s + 1.28379166e-1;
    return series * x + x;
}

// 1 - erf(x) for x from 0 on, as precise far out: Numerical Recipes' polynomial in 1 / (1 + x / 2).
fn erf_rest(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.5 * x);
    let upper = (((0.17087277 * t - 0.82215223) * t + 1.48851587) * t - 1.13520398) * t + 0.27886807;
    let series = ((((upper * t - 0.18628806) * t + 0.09678418) * t + 0.37409196) * t + 1.00002368) * t - 1.26551223;
    return t * precise_exp(series - x * x);
}

fn erf(x: f32) -> f32 {
    let far = 1.0 - erf_rest(abs(x));
    return select(select(far, -far, x < 0.0), erf_near_zero(x), abs(x) < ERF_NEAR);
}

// The share of a normal distribution below x.
fn normal_below(x: f32) -> f32 {
    let z = x * 0.70710678;
    let tail = 0.5 * erf_rest(abs(z));
    return select(select(1.0 - tail, tail, x < 0.0), 0.5 + 0.5 * erf_near_zero(z), abs(z) < ERF_NEAR);
}

fn gelu(x: f32) -> f32 {
    return x * normal_below(x);
}

fn normal_density(x: f32) -> f32 {
    return 0.39894228 * precise_exp(-0.5 * x * x);
}
