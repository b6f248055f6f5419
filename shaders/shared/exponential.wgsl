// Sigmoid and tanh, to within a few units in the last place, and what rounding the argument makes of it; results below the least normal
// f32 may be 0.

// tanh near 0, where the quotient of exponentials cancels: Cephes' polynomial for |x| < 0.625.
fn tanh_near_zero(x: f32) -> f32 {
    let z = x * x;
    let series = (((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z - 3.33332819422e-1;
    return series * z * x + x;
}

// tanh, or else the sigmoid. Computed both and chosen from without a branch: see matmul/parts/matmul.wgsl.
fn exponential(x: f32, is_tanh: bool) -> f32 {
    // Of a negative argument, so that nothing overflows, and 0 where it would be no normal number.
    let argument = abs(x) * select(1.0, 2.0, is_tanh);
    let decay = select(exp(-argument), 0.0, argument > 87.0);
    let sigmoid = select(decay, 1.0, x >= 0.0) / (1.0 + decay);
    let far = (1.0 - decay) / (1.0 + decay);
    let tanh = select(select(far, -far, x < 0.0), tanh_near_zero(x), abs(x) < 0.625);
    return select(sigmoid, tanh, is_tanh);
}
