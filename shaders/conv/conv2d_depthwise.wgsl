// A plain convolution of planes as they lie, for groups of one input channel.
//
// input   element (image, group, pixel) is input_first + image * input_image + group * input_plane + pixel, wrapping
// weight  (group, row of the group, tap) quads, of which the first element counts: pack_weight.wgsl
// bias    element (output channel) is bias_first + output channel, wrapping; not used where biased is 0
// output  element (image, output channel, pixel) is output_first + image * output_image + channel * output_plane + pixel, wrapping; where
//         accumulate is 1, what it holds is added to; what is stored is put through a function: shared/activation
//
// A dispatch does `out_rows` rows from out_row_first on of each of `channels` output channels from channel_first on, of each of `images`
// images; group_rows of the output channels are of one group. One invocation does eight pixels side by side; they are numbered by run of
// eight, row, channel, image. Terms are added up by row of the kernel and column. What lies outside the image counts 0 times the weight where
// padded is 1, and else nothing, whatever the weight.
//
// How the taps of a row are loaded is the variant's, conv/depthwise/reads_elements.wgsl or reads_quads.wgsl, which declare a Run: the eight values of one
// tap, and what is held for the next; so is how pixels are stored: conv/depthwise/stores_elements.wgsl or stores_quads.wgsl.

struct Params {
    window: Window,
    activation: Activation,
    images: u32,
    channel_first: u32,
    channels: u32,
    group_rows: u32,
    out_row_first: u32,
    out_rows: u32,
    padded: u32,
    accumulate: u32,
    biased: u32,
    bias_first: u32,
    input_first: u32,
    input_image: u32,
    input_plane: u32,
    output_first: u32,
    output_image: u32,
    output_plane: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var weight: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;

// A row of the image: where its first pixel lies, and whether there is such a row.
struct Row {
    first: u32,
    exists: bool,
}

@compute @workgroup_size(64)
fn conv2d_depthwise(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let by_run = divide(linear_workgroup(workgroup, grid) * 64u + local, (params.window.out_width + 7u) / 8u);
    let by_row = divide(by_run.x, params.out_rows);
    let by_channel = divide(by_row.x, params.channels);
    let image = by_channel.x;
    if image >= params.images {
        return;
    }
    let channel = params.channel_first + by_channel.y;
    let of_group = divide(channel, params.group_rows);
    let out_row = params.out_row_first + by_row.y;
    let out_x = 8u * by_run.y;

    let taps = params.window.kernel_height * params.window.kernel_width;
    var at = quad_address(of_group.x, of_group.y, 0u, params.group_rows, taps);
    let plane = params.input_first + image * params.input_image + of_group.x * params.input_plane;
    let y = i32(out_row * params.window.stride_y) - i32(params.window.padding_top);
    let x = i32(out_x * params.window.stride_x) - i32(params.window.padding_left);
    var left = vec4<f32>(0.0);
    var right = vec4<f32>(0.0);
    var tap_y = 0u;
    loop {
        let row_y = y + i32(tap_y * params.window.dilation_y);
        let row = Row(plane + u32(row_y) * params.window.width, 0 <= row_y && row_y < i32(params.window.height));
        var run = run_before(row, x);
        var tap_x = 0u;
        loop {
            run = run_at(run, row, x + i32(tap_x * params.window.dilation_x));
            let factor = textureLoad(weight, texel(at)).x;
            at += NEXT_QUAD;
            left += select(vec4<f32>(0.0), factor * run.left, run.counts_left != vec4<f32>(0.0));
            right += select(vec4<f32>(0.0), factor * run.right, run.counts_right != vec4<f32>(0.0));
            tap_x++;
            if tap_x >= params.window.kernel_width {
                break;
            }
        }
        tap_y++;
        if tap_y >= params.window.kernel_height {
            break;
        }
    }
    var base = 0.0;
    if params.biased != 0u {
        base = bias[params.bias_first + channel];
    }
    let offset = params.output_first + image * params.output_image + channel * params.output_plane + out_row * params.window.out_width + out_x;
    store_eight(offset, min(params.window.out_width - out_x, 8u), base + left, base + right);
}
