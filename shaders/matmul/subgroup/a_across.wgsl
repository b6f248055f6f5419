// a of a product by subgroups, read across its rows, by a_texture.wgsl: see tile.wgsl.

// Four invocations load the tile's rows, as quads. Where there are more, they load the same, and have other rows of them.
fn a_within(i: u32, invocation: u32) -> u32 {
    return 4u * (invocation % 4u) + ROWS / INVOCATIONS * (invocation / 4u) + i;
}

// Where an invocation's rows have their quad in row 0, and which row of the quad is its first.
fn a_start(batch: u32, row: u32) -> vec2<u32> {
    return vec2<u32>(params.a_first + batch * params.a_batch + (params.a_quad + row / 4u) * 32u, row % 4u);
}

// Four k of an invocation's rows, 0 beyond the depth.
fn a_rows(start: vec2<u32>, k: u32) -> Vectors {
    let four = k + vec4<u32>(0u, 1u, 2u, 3u);
    let exists = four < vec4<u32>(params.depth);
    let of_row = params.a_row + four;
    let at = start.x + of_row / 32u * (params.a_quads * 32u) + of_row % 32u;
    let four_rows = transpose(mat4x4<f32>(
        select(vec4<f32>(), load_a(at.x), exists.x),
        select(vec4<f32>(), load_a(at.y), exists.y),
        select(vec4<f32>(), load_a(at.z), exists.z),
        select(vec4<f32>(), load_a(at.w), exists.w),
    ));
    return own_rows(four_rows, start.y);
}
