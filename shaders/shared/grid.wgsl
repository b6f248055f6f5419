// Grids are folded from one dimension into three, since each dimension has a limit.

// The number of a workgroup. Numbers beyond the last workgroup that was asked for occur.
fn linear_workgroup(workgroup: vec3<u32>, grid: vec3<u32>) -> u32 {
    return (workgroup.z * grid.y + workgroup.y) * grid.x + workgroup.x;
}

// Quotient and remainder, by one division.
fn divide(a: u32, b: u32) -> vec2<u32> {
    let quotient = a / b;
    return vec2<u32>(quotient, a - quotient * b);
}
