// Grids are folded from one dimension into three, since each dimension has a limit.

// The number of a workgroup. Numbers beyond the last workgroup that was asked for occur.
fn linear_workgroup(workgroup: vec3<u32>, grid: vec3<u32>) -> u32 {
    return (workgroup.z * grid.y + workgroup.y) * grid.x + workgroup.x;
}

// The largest whole number up to a value from -2^31 on and below 2^32, in two's complement. Newer lavapipe converts lane by lane, with calls;
// so it is read off the bits of two sums, by halves.
fn whole(value: f32) -> u32 {
    let high = floor(value * 0.0000152587890625);
    let low = floor(value - high * 65536.0);
    return (bitcast<u32>(high + 12582912.0) << 16u) | (bitcast<u32>(low + 12582912.0) & 0xffffu);
}

// Quotient and remainder. Adapters have no division of integers, or a slow one: the quotient is estimated from below in floating point,
// to within 2^-18 of it, and so is what is left, which is then off by 1 at most.
fn divide(a: u32, b: u32) -> vec2<u32> {
    let inverse = 0.999999 / f32(b);
    var quotient = whole(f32(a) * inverse);
    quotient += whole(f32(a - quotient * b) * inverse);
    let rest = a - quotient * b;
    return select(vec2<u32>(quotient, rest), vec2<u32>(quotient + 1u, rest - b), rest >= b);
}
