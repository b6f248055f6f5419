// b of a product of few rows, whose columns lie side by side, in quads: quad of row k and four columns is b_first + batch * b_batch + k * b_row + column / 4.
// Columns are a multiple of 4.

// Where four columns have their quad in row 0.
fn b_start(batch: u32, column: u32) -> u32 {
    return params.b_first + batch * params.b_batch + column / 4u;
}

// Four k of four columns; each k is a column of the matrix.
fn b_columns(start: u32, quad: u32) -> mat4x4<f32> {
    let at = start + 4u * quad * params.b_row;
    return mat4x4<f32>(b[at], b[at + params.b_row], b[at + 2u * params.b_row], b[at + 3u * params.b_row]);
}
