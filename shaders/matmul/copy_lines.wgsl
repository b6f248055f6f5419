// Lines of quads of a buffer, in a texture.
//
// matrix  quad q of line i is first + i * stride + q
// made    quad i * pitch + q: shared/panels/made.wgsl

struct Params {
    lines: u32,
    line_quads: u32,
    first: u32,
    stride: u32,
    pitch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> matrix: array<vec4<f32>>;

@compute @workgroup_size(64)
fn copy_lines(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_line = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.line_quads);
    if by_line.x < params.lines {
        store_made(by_line.x * params.pitch + by_line.y, matrix[params.first + by_line.x * params.stride + by_line.y]);
    }
}
