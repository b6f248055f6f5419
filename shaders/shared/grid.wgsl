// Grids are folded from one dimension into three, since each dimension has a limit.

// The number of a workgroup. Numbers beyond the last workgroup that was asked for occur.
fn linear_workgroup(workgroup: vec3<u32>, grid: vec3<u32>) -> u32 {
    return (workgroup.z * grid.y + workgroup.y) * grid.x + workgroup.x;
}

// Quotient and remainder. Adapters have no division of integers, or a slow one: the quotient is estimated from below in floating point,
// to within 2^-18 of it, and so is what is left, which is then off by 1 at most.
fn divide(a: u32, b: u32) -> vec2<u32> {
    let inverse = 0.999999 / f32(b);
    var quotient = u32(f32(a) * inverse);
    quotient += u32(f32(a - quotient * b) * inverse);
    let rest = a - quotient * b;
    return select(vec2<u32>(quotient, rest), vec2<u32>(quotient + 1u, rest - b), rest >= b);
}
