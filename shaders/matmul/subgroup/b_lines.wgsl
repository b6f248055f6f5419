// b of a product by subgroups, read across its rows, which are lines, by b_texture.wgsl: the quad of row k and four columns is texel batch * b_batch +
// k * b_quads + column / 4. Columns and depth are multiples of 4. See tile.wgsl.

// Where the four columns from one on have their quad in row 0; those beyond the last do as the last.
fn b_start(batch: u32, column: u32) -> u32 {
    return batch * params.b_batch + min(column, params.columns - 1u) / 4u;
}

// Four k of four columns; each k is a column of the matrix.
fn b_columns(start: u32, k: u32) -> mat4x4<f32> {
    let at = start + k * params.b_quads;
    return mat4x4<f32>(load_b(at), load_b(at + params.b_quads), load_b(at + 2u * params.b_quads), load_b(at + 3u * params.b_quads));
}
