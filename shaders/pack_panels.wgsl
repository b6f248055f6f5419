// Matrices in panels: shared/panels.wgsl.
//
// matrix  element (batch, row, k) is first + batch * batch_stride + row * row_stride + k * depth_stride
// made    (batch, row, k / 4) quads, 0 beyond the depth: shared/made_panels.wgsl
//
// One invocation packs one quad, or nothing where there is no such row. They go by place: rows that lie a power of two apart would
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
    let place = linear_workgroup(workgroup, grid) * 64u + lane;
    let by_quad = divide(place / 32u, quads);
    let by_panel = divide(by_quad.x, (params.rows + 31u) / 32u);
    let row = 32u * by_panel.y + place % 32u;
    if by_panel.x >= params.batch || row >= params.rows {
        return;
    }
    let k = 4u * by_quad.y;
    let start = params.first + by_panel.x * params.batch_stride + row * params.row_stride;
    var value = vec4<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        let exists = k + i < params.depth;
        let element = matrix[select(start, start + (k + i) * params.depth_stride, exists)];
        value[i] = select(0.0, element, exists);
    }
    store_made(place, value);
}
