// b of a product by subgroups, read across its rows as it lies in a buffer: the quad of row k and four columns is b_first + batch * b_batch + k *
// b_row + column / 4. Columns and depth are multiples of 4. See tile.wgsl.
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;

fn b_within(i: u32, invocation: u32) -> u32 {
    return 4u * invocation + i;
}

// Where the four columns from one on have their quad in row 0; those beyond the last do as the last.
fn b_start(batch: u32, column: u32) -> u32 {
    return params.b_first + batch * params.b_batch + min(column, params.columns - 1u) / 4u;
}

// Four k of four columns; each k is a column of the matrix.
fn b_columns(start: u32, k: u32) -> mat4x4<f32> {
    let at = start + k * params.b_row;
    return mat4x4<f32>(b[at], b[at + params.b_row], b[at + 2u * params.b_row], b[at + 3u * params.b_row]);
}
