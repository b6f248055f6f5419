// b of a product of few rows, whose columns each lie in quads along them: quad k / 4 of a column is b_first + batch * b_batch + column * b_row + k / 4.

// Where four columns begin; those beyond the last do as the last.
fn b_start(batch: u32, column: u32) -> vec4<u32> {
    let columns = min(column + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.columns - 1u));
    return params.b_first + batch * params.b_batch + columns * params.b_row;
}

// Four k of four columns; each k is a column of the matrix.
fn b_columns(start: vec4<u32>, quad: u32) -> mat4x4<f32> {
    let at = start + quad;
    return transpose(mat4x4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]));
}
