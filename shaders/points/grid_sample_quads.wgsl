// Samples of images at a grid, as in grid_sample.wgsl, of images in quads of channels:
// output[image, channel, p] = the sample of input[image, .., channel] at grid_values[image, p]
//
// input        (images, height * width, quads): plane_quads.wgsl
// grid_values  (images, out_pixels, 2), bits of x, then of y: points/grid/grid_position.wgsl
// output       (images, channels, out_pixels), four samples at a time, `fours` of a channel
//
// One invocation does four samples side by side for a run of quads, run_quads of them at most; an image has `runs` of them, which lie side by side,
// so that what lies in one line of a cache is loaded together.

struct Params {
    rule: GridRule,
    images: u32,
    quads: u32,
    run_quads: u32,
    runs: u32,
    fours: u32,
    round_first: u32,
    input_pixel: u32,
    input_first: u32,
    grid_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> grid_values: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;

// The pixels near the sample whose grid values lie at an address.
fn near_sample(address: u32) -> Near {
    return near(vec2<u32>(grid_values[address + 1u], grid_values[address]));
}

@compute @workgroup_size(64)
fn grid_sample_quads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_run = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.runs);
    let at = divide(by_run.x, params.fours);
    if at.x >= params.images {
        return;
    }
    let values = params.grid_first + 8u * by_run.x;
    let around_0 = near_sample(values);
    let around_1 = near_sample(values + 2u);
    let around_2 = near_sample(values + 4u);
    let around_3 = near_sample(values + 6u);
    let first = by_run.y * params.run_quads;
    let end = min(first + params.run_quads, params.quads);
    let image = params.input_first + at.x * params.rule.height * params.rule.width * params.quads;
    var to = params.output_first + 4u * (at.x * params.quads + first) * params.fours + at.y;
    var quad = first;
    loop {
        let of_channels = transpose(mat4x4<f32>(
            sampled(around_0, image + quad),
            sampled(around_1, image + quad),
            sampled(around_2, image + quad),
            sampled(around_3, image + quad),
        ));
        output[to] = of_channels[0];
        output[to + params.fours] = of_channels[1];
        output[to + 2u * params.fours] = of_channels[2];
        output[to + 3u * params.fours] = of_channels[3];
        to += 4u * params.fours;
        quad++;
        if quad >= end {
            break;
        }
    }
}
