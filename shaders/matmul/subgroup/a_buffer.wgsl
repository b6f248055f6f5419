// a of a product by subgroups, read along its rows as it lies in a buffer: quad k / 4 of a row is a_first + batch * a_batch + row * a_row + k / 4. See
// tile.wgsl.
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;

fn a_within(i: u32, invocation: u32) -> u32 {
    return 8u * i + invocation;
}

// Where a row and the eighth from it begin; rows beyond the last are the last.
fn a_start(batch: u32, row: u32) -> vec2<u32> {
    let rows = min(vec2<u32>(row, row + 8u), vec2<u32>(params.rows - 1u));
    return params.a_first + batch * params.a_batch + rows * params.a_row;
}

// Four k of two rows; each row is a column of the matrix.
fn a_rows(start: vec2<u32>, k: u32) -> mat2x4<f32> {
    return mat2x4<f32>(a[start.x + k / 4u], a[start.y + k / 4u]);
}
