// A scale and a shift for each channel: output[image, channel, p] = input[image, channel, p] * scale[channel] + shift[channel]
//
// input, output (images, channels, pixels)
// scale, shift  (channels)
//
// One invocation does one element.

struct Params {
    images: u32,
    channels: u32,
    pixels: u32,
    input_first: u32,
    scale_first: u32,
    shift_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> shift: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn batch_norm(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let element = linear_workgroup(workgroup, grid) * 64u + lane;
    if element >= params.images * params.channels * params.pixels {
        return;
    }
    let channel = element / params.pixels % params.channels;
    output[params.output_first + element] =
        input[params.input_first + element] * scale[params.scale_first + channel] + shift[params.shift_first + channel];
}
