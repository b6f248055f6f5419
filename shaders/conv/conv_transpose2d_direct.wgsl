// A transposed convolution whose groups have few input channels, gathered: each output pixel adds up the input pixels whose kernels reach it
//
// input    (image, channel, row, column), from input_first on: images in_image elements apart; wraps
// weight   (channel, out channel of the group, tap), from weight_first on; wraps
// bias     for each output channel, from bias_first on; not used where biased is 0
// output   (image, out channel, row, column): `images` images, `channels` channels from channel_first on, `rows` rows from row_first on, one
//          behind another
//
// Taps lie side by side. One invocation does four pixels of a row.

struct Params {
    images: u32,
    channels: u32,
    rows: u32,
    columns: u32,
    channel_first: u32,
    row_first: u32,
    group_channels: u32,
    group_out_channels: u32,
    in_image: u32,
    height: u32,
    width: u32,
    kernel_height: u32,
    kernel_width: u32,
    stride_y: u32,
    stride_x: u32,
    padding_top: u32,
    padding_left: u32,
    biased: u32,
    input_first: u32,
    weight_first: u32,
    bias_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn conv_transpose2d_direct(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = divide(linear_workgroup(workgroup, grid) * 64u + lane, (params.columns + 3u) / 4u);
    let row = divide(item.x, params.rows);
    let at = divide(row.x, params.channels);
    if at.x >= params.images {
        return;
    }
    let channel = params.channel_first + at.y;
    let of_group = divide(channel, params.group_out_channels);
    let taps = params.kernel_height * params.kernel_width;
    let pixels = params.height * params.width;
    let planes = params.input_first + at.x * params.in_image + of_group.x * params.group_channels * pixels;
    let weights = params.weight_first + (of_group.x * params.group_channels * params.group_out_channels + of_group.y) * taps;
    let biased = params.biased != 0u;
    let base = select(0.0, bias[select(0u, params.bias_first + at.y, biased)], biased);

    // The last input row whose kernel starts at the output row or before, and how far before.
    let last_y = divide(params.row_first + row.y + params.padding_top, params.stride_y);
    let reach_y = (params.kernel_height + params.stride_y - 1u) / params.stride_y;
    let reach_x = (params.kernel_width + params.stride_x - 1u) / params.stride_x;
    for (var x = 4u * item.y; x < min(4u * item.y + 4u, params.columns); x++) {
        let last_x = divide(x + params.padding_left, params.stride_x);
        var sum = base;
        for (var c = 0u; c < params.group_channels; c++) {
            let plane = planes + c * pixels;
            let kernel = weights + c * params.group_out_channels * taps;
            for (var i = 0u; i < reach_y; i++) {
                let in_y = last_y.x - i;
                let tap_y = last_y.y + i * params.stride_y;
                let inside_y = in_y < params.height && tap_y < params.kernel_height;
                for (var j = 0u; j < reach_x; j++) {
                    let in_x = last_x.x - j;
                    let tap_x = last_x.y + j * params.stride_x;
                    let inside = inside_y && in_x < params.width && tap_x < params.kernel_width;
                    let value = input[select(0u, plane + in_y * params.width + in_x, inside)];
                    let factor = weight[select(0u, kernel + tap_y * params.kernel_width + tap_x, inside)];
                    sum += select(0.0, value * factor, inside);
                }
            }
        }
        output[params.output_first + item.x * params.columns + x] = sum;
    }
}
