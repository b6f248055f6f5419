// Bilinear samples of images at a field of positions, in pixels:
// output[image, channel, p] = the sample of input[image, channel] at (positions[image, 0, p], positions[image, 1, p])
//
// input     (images, channels, height * width)
// positions (images, 2, out_pixels), bits of y, then of x
// output    (images, channels, out_pixels)
//
// A dispatch does all channels of `pixels` positions of each image, from where the bindings start on; or, of a single image, a part
// of the channels. One invocation takes the channels of one position.

struct Params {
    images: u32,
    channels: u32,
    height: u32,
    width: u32,
    out_pixels: u32,
    pixels: u32,
    border: u32,
    input_first: u32,
    positions_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn bilinear_sample(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + lane;
    if invocation >= params.images * params.pixels {
        return;
    }
    let p = invocation % params.pixels;
    let image = invocation / params.pixels;

    let at = params.positions_first + 2u * image * params.out_pixels + p;
    let delta_bits = vec2<u32>(positions[at], positions[at + params.out_pixels]);
    let extent = vec2<i32>(i32(params.height), i32(params.width));
    let near = neighbours(vec2<i32>(0), delta_bits, extent, params.border);

    var source = params.input_first + image * params.channels * params.height * params.width;
    var destination = params.output_first + image * params.channels * params.out_pixels + p;
    var channel = 0u;
    loop {
        let value = vec4<f32>(
            input[source + near.pixel.x],
            input[source + near.pixel.y],
            input[source + near.pixel.z],
            input[source + near.pixel.w],
        );
        output[destination] = dot(near.weight, select(vec4<f32>(0.0), value, near.weight != vec4<f32>(0.0)));
        source += params.height * params.width;
        destination += params.out_pixels;
        channel++;
        if channel >= params.channels {
            break;
        }
    }
}
