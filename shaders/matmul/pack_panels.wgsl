// Matrices in panels: shared/panels/layout.wgsl.
//
// matrix  element (batch, row, k) is first + batch * batch_stride + row * row_stride + k * depth_stride; how four k are loaded is the variant's:
//         matmul/parts/pack_elements.wgsl, matmul/parts/pack_quads.wgsl
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
    store_made(address, load_four(params.first + by_panel.x * params.batch_stride + row * params.row_stride, 4u * by_quad.y));
}
