// What is left of a divided by b, with the sign of a, exactly. NaN where a is not finite or b is 0.

// Mantissa and exponent: a magnitude is x 2^(y - 150).
fn parts_of(magnitude: u32) -> vec2<u32> {
    let exponent = magnitude >> 23u;
    let fraction = magnitude & 0x007fffffu;
    return select(vec2<u32>(fraction | 0x00800000u, exponent), vec2<u32>(fraction, 1u), vec2<bool>(exponent == 0u));
}

fn remainder(a: f32, b: f32) -> f32 {
    let magnitudes = vec2<u32>(bitcast<u32>(a), bitcast<u32>(b)) & vec2<u32>(0x7fffffffu);
    let dividend = parts_of(magnitudes.x);
    let divisor = parts_of(magnitudes.y);
    let valid = (magnitudes.x < 0x7f800000u) & (magnitudes.y <= 0x7f800000u) & (magnitudes.y != 0u);
    let smaller = magnitudes.x < magnitudes.y;

    // Long division, 8 bits at a time, in `steps` steps, which are enough for all exponents.
    let by = max(divisor.x, 1u);
    var rest = dividend.x % by;
    var left = select(dividend.y - divisor.y, 0u, smaller | !valid);
    for (var step = 0u; step < params.steps; step++) {
        rest = (rest << min(left, 8u)) % by;
        left -= min(left, 8u);
    }
    let power = f32(divisor.y) - 150.0;
    let half = floor(0.5 * power);
    let value = f32(rest) * power_of_two(half) * power_of_two(power - half);
    let signed = bitcast<u32>(value) | (bitcast<u32>(a) & 0x80000000u);
    let found = select(signed, bitcast<u32>(a), smaller);
    return bitcast<f32>(select(magnitudes.x | magnitudes.y | 0x7fc00000u, found, valid));
}
