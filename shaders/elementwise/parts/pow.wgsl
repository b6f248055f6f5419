// a^b, as C has it: to within some units in the last place for whole exponents up to 64, and else what rounding b log |a| makes of it.
// By parts/exp.wgsl and parts/log.wgsl.

// Products for a whole exponent from 0 to 127.
fn whole_power(a: f32, exponent: u32) -> f32 {
    var power = select(1.0, a, (exponent & 1u) != 0u);
    let square = a * a;
    let fourth = square * square;
    let eighth = fourth * fourth;
    let sixteenth = eighth * eighth;
    let by_32 = sixteenth * sixteenth;
    power *= select(1.0, square, (exponent & 2u) != 0u);
    power *= select(1.0, fourth, (exponent & 4u) != 0u);
    power *= select(1.0, eighth, (exponent & 8u) != 0u);
    power *= select(1.0, sixteenth, (exponent & 16u) != 0u);
    power *= select(1.0, by_32, (exponent & 32u) != 0u);
    return power * select(1.0, by_32 * by_32, (exponent & 64u) != 0u);
}

fn power(a: f32, b: f32) -> f32 {
    let size = abs(a);
    let exponent = abs(b);
    // Every number from 2^24 on is whole, and even.
    let large = exponent >= 16777216.0;
    let is_whole = large | (exponent == floor(exponent));
    let is_odd = !large & is_whole & (exponent - 2.0 * floor(0.5 * exponent) == 1.0);

    let product = whole_power(size, whole(min(exponent, 64.0)));
    let by_product = select(product, 1.0 / product, b < 0.0);
    let by_exp = precise_exp(b * precise_log(size));
    var value = select(by_exp, by_product, is_whole & (exponent <= 64.0));
    value = select(value, 1.0, size == 1.0);
    value = select(value, -value, (bitcast<i32>(a) < 0) & is_odd);

    // A negative number has no other powers than whole ones, and NaN none but the one with exponent 0, as 1 has for NaN.
    let negative = (bitcast<i32>(a) < 0) & (size != 0.0) & (bitcast<u32>(size) != 0x7f800000u);
    let invalid = (negative & !is_whole) | is_nan(a) | is_nan(b);
    let one = ((exponent == 0.0) & !is_nan(b)) | (bitcast<u32>(a) == 0x3f800000u);
    let result = select(bitcast<u32>(value), bitcast<u32>(exponent) | 0x7fc00000u, invalid);
    return bitcast<f32>(select(result, 0x3f800000u, one));
}
