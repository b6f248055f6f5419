// The outputs of groups of up to four output channels: see conv2d_direct.wgsl.
const ROWS = 4u;

@group(0) @binding(4) var<storage, read_write> output: array<f32>;
@group(0) @binding(5) var<storage, read_write> output_1: array<f32>;
@group(0) @binding(6) var<storage, read_write> output_2: array<f32>;
@group(0) @binding(7) var<storage, read_write> output_3: array<f32>;

// Stores one pixel of each row.
fn store(offset: u32, sums: vec4<f32>) {
    let at = offset + vec4<u32>(params.output_first, params.output_1_first, params.output_2_first, params.output_3_first);
    var held = vec4<f32>(0.0);
    if params.accumulate != 0u {
        held.x = output[at.x];
        held.y = output_1[select(0u, at.y, params.rows > 1u)];
        held.z = output_2[select(0u, at.z, params.rows > 2u)];
        held.w = output_3[select(0u, at.w, params.rows > 3u)];
    }
    output[at.x] = activated(held.x + sums.x, params.activation);
    if params.rows > 1u {
        output_1[at.y] = activated(held.y + sums.y, params.activation);
    }
    if params.rows > 2u {
        output_2[at.z] = activated(held.z + sums.z, params.activation);
    }
    if params.rows > 3u {
        output_3[at.w] = activated(held.w + sums.w, params.activation);
    }
}
