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

// The next pixel of a row: the last input column whose kernel starts there or before, and how far before.
fn behind(x: vec2<u32>) -> vec2<u32> {
    return select(vec2<u32>(x.x, x.y + 1u), vec2<u32>(x.x + 1u, 0u), x.y + 1u == params.stride_x);
}

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
    let x_0 = divide(4u * item.y + params.padding_left, params.stride_x);
    let x_1 = behind(x_0);
    let x_2 = behind(x_1);
    let x_3 = behind(x_2);
    let last_x = vec4<u32>(x_0.x, x_1.x, x_2.x, x_3.x);
    let before_x = vec4<u32>(x_0.y, x_1.y, x_2.y, x_3.y);
    var sums = vec4<f32>(base);
    var c = 0u;
    loop {
        let plane = planes + c * pixels;
        let kernel = weights + c * params.group_out_channels * taps;
        var i = 0u;
        loop {
            let in_y = last_y.x - i;
            let tap_y = last_y.y + i * params.stride_y;
            let inside_y = vec4<bool>(in_y < params.height && tap_y < params.kernel_height);
            let of_row = plane + in_y * params.width;
            let of_taps = kernel + tap_y * params.kernel_width;
            var j = 0u;
            loop {
                let in_x = last_x - j;
                let tap_x = before_x + j * params.stride_x;
                let inside = inside_y & (in_x < vec4<u32>(params.width)) & (tap_x < vec4<u32>(params.kernel_width));
                let source = select(vec4<u32>(0u), of_row + in_x, inside);
                let tap = select(vec4<u32>(0u), of_taps + tap_x, inside);
                let values = vec4<f32>(input[source.x], input[source.y], input[source.z], input[source.w]);
                let factors = vec4<f32>(weight[tap.x], weight[tap.y], weight[tap.z], weight[tap.w]);
                sums += select(vec4<f32>(0.0), values * factors, inside);
                j++;
                if j >= reach_x {
                    break;
                }
            }
            i++;
            if i >= reach_y {
                break;
            }
        }
        c++;
        if c >= params.group_channels {
            break;
        }
    }
    let first = 4u * item.y;
    let to = params.output_first + item.x * params.columns + first;
    var i = 0u;
    loop {
        output[to + i] = sums.x;
        sums = sums.yzww;
        i++;
        if i >= min(4u, params.columns - first) {
            break;
        }
    }
}
