// exp, to within a few units in the last place: the builtin may be off by many where the argument is large. Results below the least normal f32
// may be 0. Needs parts/nan.wgsl.

// 2^power for whole powers from -126 to 127: the low bits of the sum are those of the exponent.
fn power_of_two(power: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(power + 12583039.0) << 23u);
}

// A whole power of two and the rest, exp(x) = 2^power (1 + growth), for x from -104 to 89. Cephes' polynomial.
fn exp_parts(x: f32) -> vec2<f32> {
    let power = floor(x * 1.44269504 + 0.5);
    let r = x - power * 0.693359375 + power * 2.12194440e-4;
    let series = ((((1.9875691500e-4 * r + 1.3981999507e-3) * r + 8.3334519073e-3) * r + 4.1665795894e-2) * r + 1.6666665459e-1) * r + 5.0000001201e-1;
    return vec2<f32>(power, series * r * r + r);
}

fn precise_exp(x: f32) -> f32 {
    let parts = exp_parts(clamp(x, -104.0, 89.0));
    // By two factors, since one may be beyond the range.
    let half = floor(0.5 * parts.x);
    let value = (1.0 + parts.y) * power_of_two(half) * power_of_two(parts.x - half);
    return select(value, x, is_nan(x));
}

// exp(x) - 1 for x up to 0, as precise near 0.
fn exp_less_one(x: f32) -> f32 {
    let parts = exp_parts(clamp(x, -30.0, 0.0));
    let factor = power_of_two(parts.x);
    return select(factor * parts.y + (factor - 1.0), x, is_nan(x));
}
