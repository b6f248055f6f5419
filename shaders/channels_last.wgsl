// Images with their channels last, in quads: packed[image, pixel, quad] holds the channels of a quad, and 0 in the lanes beyond them.
//
// input         (image, channel, pixel): the binding starts at a pixel of channel channel_first of an image; shared/stored_32.wgsl,
//               shared/stored_16.wgsl
// made          (pixel of all images, row_quads) quads: shared/made_rows.wgsl, shared/made_panels.wgsl
// table         per quad: its first channel, how many it has, its offset group, 0: shared/table_rows.wgsl, shared/table_panels.wgsl
//
// A dispatch does the quads from quad_first on, `quads` of them, of `pixels` pixels of each image; where those are not all, of one
// image. It fills the lanes from lane_first to lane_end; lanes before them were filled before. One invocation packs a run of quads of one
// pixel, run_quads of them at most; a pixel has `runs` of them.

struct Params {
    images: u32,
    pixels: u32,
    channels: u32,
    channel_first: u32,
    plane: u32,
    quad_first: u32,
    quads: u32,
    run_quads: u32,
    runs: u32,
    row_quads: u32,
    lane_first: u32,
    lane_end: u32,
    input_first: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;

fn input_value(element: u32) -> f32 {
    return value_of(input[word_of(element)], element);
}

@compute @workgroup_size(64)
fn channels_last(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + local;
    if invocation >= params.images * params.pixels * params.runs {
        return;
    }
    let by_pixel = divide(invocation, params.pixels);
    let by_run = divide(by_pixel.x, params.runs);
    let pixel = by_pixel.y;
    let image = by_run.x;
    let first = by_run.y * params.run_quads;
    let end = min(first + params.run_quads, params.quads);
    let place = quad_place(0u, image * params.pixels + pixel, params.quad_first, 0u, params.row_quads);
    let lane = vec4<u32>(0u, 1u, 2u, 3u);
    for (var i = first; i < end; i++) {
        let channels = table_entry(params.quad_first + i);
        // Wraps where the first lanes are not bound.
        let channel = image * params.channels + channels.x - params.channel_first;
        let start = params.input_first + channel * params.plane + pixel;
        let wanted = vec4<u32>(params.lane_first) <= lane & lane < vec4<u32>(min(channels.y, params.lane_end));
        // What is not wanted reads the first element, which is bound.
        let element = select(vec4<u32>(params.input_first), start + lane * params.plane, wanted);
        let value = vec4<f32>(
            input_value(element.x), input_value(element.y), input_value(element.z), input_value(element.w),
        );
        var held = vec4<f32>(0.0);
        if params.lane_first > 0u {
            held = made_before(place + i * NEXT_QUAD);
        }
        store_made(place + i * NEXT_QUAD, select(held, value, wanted));
    }
}
