// Matrices in panels, whose rows lie side by side: shared/panels/layout.wgsl.
//
// matrix  element (batch, row, k) is first + batch * batch_stride + k * depth_stride + row; first, strides and rows are counted in fours
// made    quad quad_first + k / 4 of row batch * batch_rows + row, of row_quads of a row, 0 beyond the depth: shared/panels/made.wgsl
//
// One invocation packs a quad of four rows. Those that run together go along the rows: elements of the next k often lie a power of two away, and
// would drive each other from a cache before their lines are read to the end.

struct Params {
    batch: u32,
    row_fours: u32,
    quads: u32,
    depth: u32,
    first: u32,
    batch_stride: u32,
    depth_stride: u32,
    batch_rows: u32,
    quad_first: u32,
    row_quads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> matrix: array<vec4<f32>>;

@compute @workgroup_size(64)
fn pack_fours(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_four = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.row_fours);
    let by_quad = divide(by_four.x, params.quads);
    if by_quad.x >= params.batch {
        return;
    }
    let k = 4u * by_quad.y + vec4<u32>(0u, 1u, 2u, 3u);
    let exists = k < vec4<u32>(params.depth);
    // What does not exist reads k 0, which is bound.
    let at = params.first + by_quad.x * params.batch_stride + by_four.y + select(vec4<u32>(0u), k * params.depth_stride, exists);
    let rows = transpose(mat4x4<f32>(
        select(vec4<f32>(0.0), matrix[at.x], exists.x),
        select(vec4<f32>(0.0), matrix[at.y], exists.y),
        select(vec4<f32>(0.0), matrix[at.z], exists.z),
        select(vec4<f32>(0.0), matrix[at.w], exists.w),
    ));
    // Four rows from a multiple of four on lie side by side.
    let row = by_quad.x * params.batch_rows + 4u * by_four.y;
    let address = quad_address(0u, row, params.quad_first + by_quad.y, 0u, params.row_quads);
    store_made(address, rows[0]);
    store_made(address + 1u, rows[1]);
    store_made(address + 2u, rows[2]);
    store_made(address + 3u, rows[3]);
}
