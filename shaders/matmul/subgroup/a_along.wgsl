// a of a product by subgroups, read along its rows: see tile.wgsl.
@group(0) @binding(1) var a: texture_storage_2d<rgba32float, read>;

fn a_within(i: u32, invocation: u32) -> u32 {
    return 8u * i + invocation;
}

// Where a row and the eighth from it have their first quads.
fn a_start(batch: u32, row: u32) -> vec2<u32> {
    let at = vec2<u32>(params.a_row + row) + vec2<u32>(0u, 8u);
    let panel = at / 32u * params.a_quads + params.a_quad;
    return params.a_first + batch * params.a_batch + panel * 32u + at % 32u;
}

// Four k of two rows; each row is a column of the matrix.
fn a_rows(start: vec2<u32>, k: u32) -> mat2x4<f32> {
    let at = start + k * 8u;
    return mat2x4<f32>(textureLoad(a, texel(at.x)), textureLoad(a, texel(at.y)));
}
