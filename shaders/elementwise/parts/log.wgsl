// log and log(1 + x), to within a few units in the last place: the builtins may be off by many near 1.

// log(1 + f) + power log(2), for 1 + f from 1 / sqrt(2) to sqrt(2). Cephes' polynomial.
fn log_of_parts(f: f32, power: f32) -> f32 {
    let z = f * f;
    let upper = (((7.0376836292e-2 * f - 1.1514610310e-1) * f + 1.1676998740e-1) * f - 1.2420140846e-1) * f + 1.4249322787e-1;
    let series = (((upper * f - 1.6668057665e-1) * f + 2.0000714765e-1) * f - 2.4999993993e-1) * f + 3.3333331174e-1;
    return f + (series * f * z - power * 2.12194440e-4 - 0.5 * z) + power * 0.693359375;
}

// 0 has -infinity, a negative argument NaN.
fn precise_log(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    // Below the least normal number the bits count multiples of 2^-149.
    let below = bits < 0x00800000u;
    let normal = select(bits, bitcast<u32>(f32(bits)), below);
    // From 1 / sqrt(2) on the power is one more.
    let shifted = normal + 0x004afb0du;
    let power = f32(shifted >> 23u) - select(127.0, 276.0, below);
    let value = log_of_parts(bitcast<f32>((shifted & 0x007fffffu) + 0x3f3504f3u) - 1.0, power);

    let limit = select(bits | 0x7fc00000u, bits | 0xff800000u, (bits & 0x7fffffffu) == 0u);
    let special = select(limit, bits, bits == 0x7f800000u);
    return bitcast<f32>(select(special, bitcast<u32>(value), bits - 1u < 0x7f7fffffu));
}

// log(1 + x) for x from 0 to 1.
fn log_one_more(x: f32) -> f32 {
    let far = x > 0.4142;
    return log_of_parts(select(x, 0.5 * x - 0.5, far), select(0.0, 1.0, far));
}
