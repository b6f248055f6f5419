// Images with their channels last, in quads: packed[image, pixel, quad] holds the channels of a quad, and 0 in the lanes beyond them.
//
// input         (image, channel, pixel), bound for each lane of a quad: from a pixel of channel channel_first of an image on, or, for the lanes
//               behind the first, of the channels behind it, so that no binding has to show four planes; shared/stored_32.wgsl,
//               shared/stored_16.wgsl
// made          (pixel of all images, row_quads) quads: shared/rows/made.wgsl, shared/panels/made.wgsl
// table         per quad: its first channel, how many it has, its offset group, 0: shared/rows/table.wgsl, shared/panels/table.wgsl
//
// A dispatch does the quads from quad_first on, `quads` of them, of `pixels` pixels of each image; where those are not all, of one
// image, and into the rows from pixel_first on. One invocation packs a quad of one pixel; those that run together go along the planes, as in
// matmul/pack_fours.wgsl. No quad has more channels than `lanes`.

struct Params {
    images: u32,
    pixels: u32,
    channels: u32,
    channel_first: u32,
    plane: u32,
    quad_first: u32,
    quads: u32,
    row_quads: u32,
    pixel_first: u32,
    input_first: u32,
    input_1_first: u32,
    input_2_first: u32,
    input_3_first: u32,
    lanes: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(4) var<storage, read> input_1: array<u32>;
@group(0) @binding(5) var<storage, read> input_2: array<u32>;
@group(0) @binding(6) var<storage, read> input_3: array<u32>;

@compute @workgroup_size(64)
fn channels_last(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let by_pixel = divide(linear_workgroup(workgroup, grid) * 64u + local, params.pixels);
    let by_quad = divide(by_pixel.x, params.quads);
    let image = by_quad.x;
    if image >= params.images {
        return;
    }
    let pixel = by_pixel.y;
    let quad = params.quad_first + by_quad.y;
    let channels = table_entry(quad);
    let channel = image * params.channels + channels.x - params.channel_first;
    let lane = vec4<u32>(0u, 1u, 2u, 3u);
    let exists = lane < vec4<u32>(channels.y);
    // What does not exist reads the first element, which is bound.
    let bound = vec4<u32>(params.input_first, params.input_1_first, params.input_2_first, params.input_3_first);
    let element = bound + select(vec4<u32>(0u), vec4<u32>(channel * params.plane + pixel), exists);
    var value = vec4<f32>(value_of(input[word_of(element.x)], element.x));
    if params.lanes > 1u {
        value.y = value_of(input_1[word_of(element.y)], element.y);
    }
    if params.lanes > 2u {
        value.z = value_of(input_2[word_of(element.z)], element.z);
    }
    if params.lanes > 3u {
        value.w = value_of(input_3[word_of(element.w)], element.w);
    }
    let row = params.pixel_first + image * params.pixels + pixel;
    store_made(quad_address(0u, row, quad, 0u, params.row_quads), select(vec4<f32>(0.0), value, exists));
}
