// Images with their channels last, in quads: packed[image, pixel, quad] holds the channels of a quad, and 0 in the lanes beyond them.
//
// input         (image, channel, pixel): the binding starts at a pixel of channel channel_first of an image; shared/stored_32.wgsl,
//               shared/stored_16.wgsl
// made          (pixel of all images, row_quads) quads: shared/made_rows.wgsl, shared/made_panels.wgsl
// table         per quad: its first channel, how many it has, its offset group, 0: shared/table_rows.wgsl, shared/table_panels.wgsl
//
// A dispatch does the quads from quad_first on, `quads` of them, of `pixels` pixels of each image; where those are not all, of one
// image. It fills the lanes from lane_first to lane_end; lanes before them were filled before. One invocation packs one quad of one
// pixel.

struct Params {
    images: u32,
    pixels: u32,
    channels: u32,
    channel_first: u32,
    plane: u32,
    quad_first: u32,
    quads: u32,
    row_quads: u32,
    lane_first: u32,
    lane_end: u32,
    input_first: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;

@compute @workgroup_size(64)
fn channels_last(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + local;
    if invocation >= params.images * params.pixels * params.quads {
        return;
    }
    let by_pixel = divide(invocation, params.pixels);
    let by_quad = divide(by_pixel.x, params.quads);
    let pixel = by_pixel.y;
    let quad = params.quad_first + by_quad.y;
    let image = by_quad.x;

    let channels = table_entry(quad);
    // Wraps where the first lanes are not bound.
    let channel = image * params.channels + channels.x - params.channel_first;
    let start = params.input_first + channel * params.plane + pixel;
    let place = quad_place(0u, image * params.pixels + pixel, quad, 0u, params.row_quads);
    var value = vec4<f32>(0.0);
    if params.lane_first > 0u {
        value = made_before(place);
    }
    let end = min(channels.y, params.lane_end);
    for (var lane = 0u; lane < 4u; lane++) {
        if params.lane_first <= lane && lane < end {
            let element = start + lane * params.plane;
            value[lane] = value_of(input[word_of(element)], element);
        }
    }
    store_made(place, value);
}
