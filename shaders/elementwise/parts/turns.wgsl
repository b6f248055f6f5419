// Sine and cosine, to about 1e-7 whatever the argument: the builtins may be wrong beyond a few turns.
//
// A number is m 2^e, with m of 24 bits. The part of m 2^e / (2 pi) behind the point is m times the bits of 1 / (2 pi) from 2^-(e + 1) on, and of its
// product with these no more than 32 bits are kept.

// 32 bits of 1 / (2 pi), the first of them those in front of the point.
fn reciprocal_word(index: u32) -> u32 {
    let first = select(select(0x9391054au, 0x28be60dbu, index == 1u), 0u, index == 0u);
    let second = select(select(0x7d4d3770u, 0x7f09d5f4u, index == 3u), first, index < 3u);
    return select(select(0x4f10e410u, 0x36d8a566u, index == 5u), second, index < 5u);
}

// The part behind the point of a number divided by 2 pi, in 2^-32; the number is given by its bits and is 1/2 at least.
fn turns(magnitude: u32) -> u32 {
    let mantissa = (magnitude & 0x007fffffu) | 0x00800000u;
    // The exponent is e + 150.
    let bit = (magnitude >> 23u) - 118u;
    let word = bit >> 5u;
    let shift = bit & 31u;
    let words = vec3<u32>(reciprocal_word(word), reciprocal_word(word + 1u), reciprocal_word(word + 2u));
    let bits = (words.xy << vec2<u32>(shift)) | ((words.yz >> vec2<u32>(1u)) >> vec2<u32>(31u - shift));
    let low = bits.y >> 12u;
    return mantissa * bits.x + (((mantissa >> 12u) * low) >> 8u) + (((mantissa & 0xfffu) * low) >> 20u);
}

// Cephes' polynomials, for |x| up to pi / 4.
fn sine_near_zero(x: f32) -> f32 {
    let z = x * x;
    return ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * x + x;
}

fn cosine_near_zero(x: f32) -> f32 {
    let z = x * x;
    return ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0;
}

// Sine and cosine; NaN where the argument is not finite.
fn sine_cosine(x: f32) -> vec2<f32> {
    let bits = bitcast<u32>(x);
    let magnitude = bits & 0x7fffffffu;
    let near = magnitude < 0x3f490fdbu;
    // Quarters of a turn, and what is left of them to either side.
    let shifted = turns(max(magnitude, 0x3f000000u)) + 0x20000000u;
    let rest = f32(bitcast<i32>((shifted & 0x3fffffffu) - 0x20000000u)) * 1.4629180792671596e-9;
    let quarter = select(shifted >> 30u, 0u, near);
    let r = select(rest, abs(x), near);
    let sine = bitcast<u32>(sine_near_zero(r));
    let cosine = bitcast<u32>(cosine_near_zero(r));

    let odd = vec2<bool>((quarter & 1u) != 0u);
    let values = select(vec2<u32>(sine, cosine), vec2<u32>(cosine, sine), odd);
    let signs = vec2<u32>((quarter << 30u) ^ bits, (quarter + 1u) << 30u) & vec2<u32>(0x80000000u);
    let nan = vec2<u32>(magnitude | 0x7fc00000u);
    return bitcast<vec2<f32>>(select(values ^ signs, nan, vec2<bool>(magnitude >= 0x7f800000u)));
}
