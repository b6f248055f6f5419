// b of a product by subgroups, read along its rows, by b_texture.wgsl: see tile.wgsl.

// Where the four columns from one on have their first quads. Those beyond the last are it once more, as in a_along.wgsl.
fn b_start(batch: u32, column: u32) -> vec4<u32> {
    let at = params.b_row + min(vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.columns - 1u));
    let panel = at / 32u * params.b_quads + params.b_quad;
    return params.b_first + batch * params.b_batch + panel * 32u + at % 32u;
}

// Four k of four columns; each k is a column of the matrix.
fn b_columns(start: vec4<u32>, k: u32) -> mat4x4<f32> {
    let at = start + k * 8u;
    return transpose(mat4x4<f32>(load_b(at.x), load_b(at.y), load_b(at.z), load_b(at.w)));
}
