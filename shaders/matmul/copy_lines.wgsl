// Lines of a buffer, in a texture.
//
// matrix  texel i of line l is first + l * stride + i
// made    texel made_first + l * pitch + i
//
// Bindings: matmul/parts/copy_quads.wgsl, copy_words.wgsl, copy_elements.wgsl.

struct Params {
    lines: u32,
    length: u32,
    first: u32,
    stride: u32,
    made_first: u32,
    pitch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn copy_lines(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_line = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.length);
    if by_line.x < params.lines {
        let source = params.first + by_line.x * params.stride + by_line.y;
        copy_texel(params.made_first + by_line.x * params.pitch + by_line.y, source);
    }
}
