// b of a product by subgroups, read across its rows, by b_texture.wgsl: see tile.wgsl.

alias Half = u32;

// The first of the four columns of this invocation in one half.
fn half_columns(batch: u32, column: u32, lane: u32) -> Half {
    return column + b_within(0u, lane);
}

// Where the four columns from one on have their quad in row 0.
fn b_start(batch: u32, column: u32) -> u32 {
    return params.b_first + batch * params.b_batch + (params.b_quad + column / 4u) * 32u;
}

// Four k of four columns, 0 beyond the depth; each k is a column of the matrix.
fn b_columns(start: u32, k: u32) -> mat4x4<f32> {
    let four = k + vec4<u32>(0u, 1u, 2u, 3u);
    let exists = four < vec4<u32>(params.depth);
    let of_row = params.b_row + four;
    let at = start + of_row / 32u * (params.b_quads * 32u) + of_row % 32u;
    return mat4x4<f32>(
        select(vec4<f32>(), load_b(at.x), exists.x),
        select(vec4<f32>(), load_b(at.y), exists.y),
        select(vec4<f32>(), load_b(at.z), exists.z),
        select(vec4<f32>(), load_b(at.w), exists.w),
    );
}
