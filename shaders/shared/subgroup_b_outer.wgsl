// b of a product by subgroups, where the depth is its outer axis in memory.
@group(0) @binding(2) var<storage, read> b: array<Quad>;

// The first quad of the columns from one on; the last quad stands for those beyond it.
fn b_quad(batch: u32, column: u32) -> u32 {
    return (params.b_first + batch * params.b_batch + min(column, params.columns - 4u)) / 4u;
}

// Four quads, 0 for those that do not exist; each becomes a column of the matrix.
fn load_b(at: vec4<u32>, exist: vec4<bool>) -> mat4x4<f32> {
    return mat4x4<f32>(
        select(vec4<f32>(), unpack_quad(b[at.x]), exist.x),
        select(vec4<f32>(), unpack_quad(b[at.y]), exist.y),
        select(vec4<f32>(), unpack_quad(b[at.z]), exist.z),
        select(vec4<f32>(), unpack_quad(b[at.w]), exist.w),
    );
}
