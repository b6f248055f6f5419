// What im2col and deform_im2col have in common: one window over one packed image.
//
// packed        (image, pixel, quad) quads of channels, from quad quad_first on: see channels_last
// columns       see the file that declares it: columns_quads, columns_channels
// channel_quads per quad: its first channel, how many it has, its offset group, 0
//
// Output pixels are numbered over all images; a dispatch does `pixels` of them from pixel_first on, and columns are counted from
// there. One invocation does QUADS quads of one tap of one output pixel.

// From border on, only deform_im2col reads it.
struct Params {
    pixel_first: u32,
    pixels: u32,
    out_width: u32,
    out_pixels: u32,
    height: u32,
    width: u32,
    kernel_width: u32,
    taps: u32,
    stride_y: u32,
    stride_x: u32,
    padding_top: u32,
    padding_left: u32,
    dilation_y: u32,
    dilation_x: u32,
    channels: u32,
    quad_first: u32,
    quads: u32,
    quads_per_group: u32,
    columns_first: u32,
    border: u32,
    modulated: u32,
    point_first: u32,
    points: u32,
    origin: u32,
    offset_y_first: u32,
    offset_y_batch: u32,
    offset_y_step: u32,
    offset_x_first: u32,
    offset_x_batch: u32,
    offset_x_step: u32,
    mask_first: u32,
    mask_batch: u32,
    mask_step: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> packed: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> channel_quads: array<vec4<u32>>;

override QUADS: u32 = 8u;

// An invocation's share: an output pixel, counted from pixel_first, one of its taps, and a run of quads.
struct Share {
    pixel: u32,
    tap: u32,
    quads: vec2<u32>,
    exists: bool,
}

fn share(invocation: u32) -> Share {
    let runs = (params.quads + QUADS - 1u) / QUADS;
    let start = invocation % runs * QUADS;
    return Share(
        invocation / runs / params.taps,
        invocation / runs % params.taps,
        vec2<u32>(start, min(start + QUADS, params.quads)),
        invocation < params.pixels * params.taps * runs,
    );
}

// The row and column, in the unpadded image, of a tap of an output pixel, before any offset.
fn tap_position(out_pixel: u32, tap: u32) -> vec2<i32> {
    let out = vec2<u32>(out_pixel / params.out_width, out_pixel % params.out_width);
    let stride = vec2<u32>(params.stride_y, params.stride_x);
    let padding = vec2<u32>(params.padding_top, params.padding_left);
    let tap_row_column = vec2<u32>(tap / params.kernel_width, tap % params.kernel_width);
    let dilation = vec2<u32>(params.dilation_y, params.dilation_x);
    return vec2<i32>(out * stride + tap_row_column * dilation) - vec2<i32>(padding);
}
