// Samples of images at a grid of normalised positions:
// output[image, channel, p] = the sample of input[image, channel] at grid_values[image, p]
//
// input        (images, channels, height * width)
// grid_values  (images, out_pixels, 2), bits of x, then of y: points/grid/grid_position.wgsl
// output       (images, channels, out_pixels)
//
// A dispatch does all channels of `pixels` samples of each image, from where the bindings start on; or, of a single image, a part of the
// channels. One invocation takes the channels of one sample: `near` says where it lies, `sampled` what it is in a plane of the input.

struct Params {
    rule: GridRule,
    images: u32,
    channels: u32,
    out_pixels: u32,
    pixels: u32,
    round_first: u32,
    input_pixel: u32,
    input_first: u32,
    grid_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> grid_values: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<Lanes>;

@compute @workgroup_size(64)
fn grid_sample(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.pixels);
    if at.x >= params.images {
        return;
    }
    let value = params.grid_first + 2u * (at.x * params.out_pixels + at.y);
    let around = near(vec2<u32>(grid_values[value + 1u], grid_values[value]));
    let in_pixels = params.rule.height * params.rule.width;
    var plane = params.input_first + at.x * params.channels * in_pixels;
    var destination = params.output_first + at.x * params.channels * params.out_pixels + at.y;
    var channel = 0u;
    loop {
        output[destination] = sampled(around, plane);
        plane += in_pixels;
        destination += params.out_pixels;
        channel++;
        if channel >= params.channels {
            break;
        }
    }
}
