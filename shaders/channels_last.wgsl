// Images with their channels last, in quads: packed[image, pixel, quad] holds the channels of a quad, and 0 in the lanes beyond them.
//
// input         (image, channel, pixel): the binding starts at a pixel of channel channel_first of an image
// channel_quads per quad: its first channel, how many it has, its offset group, 0
// packed        (images, pixels, row_quads) quads
//
// A dispatch does the quads from quad_first on, `quads` of them, of `pixels` pixels of each image; where those are not all, of one
// image. One invocation packs one quad of one pixel.

struct Params {
    images: u32,
    pixels: u32,
    channels: u32,
    channel_first: u32,
    plane: u32,
    quad_first: u32,
    quads: u32,
    row_quads: u32,
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
    let quad = params.quad_first + invocation / params.pixels % params.quads;
    let image = invocation / params.pixels / params.quads;

    let table = channel_quads[quad];
    let channel = image * params.channels + table.x - params.channel_first;
    let start = params.input_first + channel * params.plane + pixel;
    var value = vec4<f32>(0.0);
    for (var i = 0u; i < table.y; i++) {
        value[i] = input[start + i * params.plane];
    }
    packed[(image * params.pixels + pixel) * params.row_quads + quad] = value;
}
