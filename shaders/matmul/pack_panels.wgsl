// Matrices in panels: shared/panels/layout.wgsl.
//
// matrix  element (batch, row, k) is first + batch * batch_stride + row * row_stride + k * depth_stride
// made    (batch, row, k / 4) quads, 0 beyond the depth: shared/panels/made.wgsl
//
// One invocation packs one quad, or nothing where there is no such row. They go by address: rows that lie a power of two apart would
// otherwise drive each other from a cache.

struct Params {
    batch: u32,
    rows: u32,
    depth: u32,
    first: u32,
    batch_stride: u32,
    row_stride: u32,
    depth_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> matrix: array<f32>;

@compute @workgroup_size(64)
fn pack_panels(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let quads = (params.depth + 3u) / 4u;
    let address = linear_workgroup(workgroup, grid) * 64u + lane;
    let by_quad = divide(address / ROWS_TOGETHER, quads);
    let by_panel = divide(by_quad.x, (params.rows + ROWS_TOGETHER - 1u) / ROWS_TOGETHER);
    let row = ROWS_TOGETHER * by_panel.y + address % ROWS_TOGETHER;
    if by_panel.x >= params.batch || row >= params.rows {
        return;
    }
    let start = params.first + by_panel.x * params.batch_stride + row * params.row_stride;
    let k = 4u * by_quad.y + vec4<u32>(0u, 1u, 2u, 3u);
    let exists = k < vec4<u32>(params.depth);
    // What does not exist reads the row's first element, which is bound.
    let element = start + select(vec4<u32>(0u), k * params.depth_stride, exists);
    let value = vec4<f32>(matrix[element.x], matrix[element.y], matrix[element.z], matrix[element.w]);
    store_made(address, select(vec4<f32>(0.0), value, exists));
}
