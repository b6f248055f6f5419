// a of a product by subgroups, where the depth is its inner axis in memory.
@group(0) @binding(1) var<storage, read> a: array<Quad>;

// The quads at which four rows start, from one on; the last row stands for those beyond it.
fn a_quads(batch: u32, row: u32) -> vec4<u32> {
    let rows = min(row + ACROSS * vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.rows - 1u));
    return (params.a_first + batch * params.a_batch + rows * params.a_row) / 4u;
}

// Four quads; each becomes a column of the matrix.
fn load_a(at: vec4<u32>) -> mat4x4<f32> {
    return mat4x4<f32>(unpack_quad(a[at.x]), unpack_quad(a[at.y]), unpack_quad(a[at.z]), unpack_quad(a[at.w]));
}
