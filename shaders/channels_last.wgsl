// Images with their channels last, in quads: packed[image, pixel, quad] holds the channels of quad quad_first + quad, and 0 in
// the lanes beyond them.
//
// input         (image, channel, pixel), from channel channel_first of image 0 on
// channel_quads per quad: its first channel, how many it has, its offset group, 0
// packed        (images, pixels, quads) quads
//
// One invocation packs one quad of one pixel.

struct Params {
    images: u32,
    pixels: u32,
    channels: u32,
    channel_first: u32,
    quad_first: u32,
    quads: u32,
    input_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> channel_quads: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> packed: array<vec4<f32>>;

@compute @workgroup_size(64)
fn channels_last(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + lane;
    if invocation >= params.images * params.pixels * params.quads {
        return;
    }
    let pixel = invocation % params.pixels;
    let quad = invocation / params.pixels % params.quads;
    let image = invocation / params.pixels / params.quads;

    let table = channel_quads[params.quad_first + quad];
    let plane = image * params.channels + table.x - params.channel_first;
    let start = params.input_first + plane * params.pixels + pixel;
    var value = vec4<f32>(0.0);
    for (var i = 0u; i < table.y; i++) {
        value[i] = input[start + i * params.pixels];
    }
    packed[(image * params.pixels + pixel) * params.quads + quad] = value;
}
