// What im2col and deform_im2col have in common: one window over packed images.
//
// packed       (image, pixel, quad) quads of channels, of which the binding shows the pixels from band_first on, band_pixels of them
// columns      see the file that declares it: columns_quads, columns_channels
// channel_runs per run of quads with one group and one offset group: its first quad, its offset group, and two more for whoever stores
//              its columns
//
// Output pixels are numbered over all images; a dispatch does `pixels` of them from pixel_first on, and columns are counted from
// there. Input pixels outside the band count 0; where an image is done in several bands, all but the first accumulate.
// One invocation does one run of one tap of one output pixel.

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
    quads: u32,
    quads_per_group: u32,
    runs: u32,
    band_first: u32,
    band_pixels: u32,
    accumulate: u32,
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
@group(0) @binding(1) var<storage, read> packed: array<Quad>;
@group(0) @binding(3) var<storage, read> channel_runs: array<QuadBits>;

// What an invocation does: an output pixel, counted from pixel_first, one of its taps, and a run.
struct Share {
    pixel: u32,
    tap: u32,
    run: u32,
    exists: bool,
}

fn share(invocation: u32) -> Share {
    let by_run = divide(invocation, params.runs);
    let by_tap = divide(by_run.x, params.taps);
    return Share(by_tap.x, by_tap.y, by_run.y, invocation < params.pixels * params.taps * params.runs);
}

// The row and column, in the unpadded image, of a tap of an output pixel, before any offset.
fn tap_position(out_pixel: u32, tap: u32) -> vec2<i32> {
    let out = divide(out_pixel, params.out_width);
    let stride = vec2<u32>(params.stride_y, params.stride_x);
    let padding = vec2<u32>(params.padding_top, params.padding_left);
    let dilation = vec2<u32>(params.dilation_y, params.dilation_x);
    return vec2<i32>(out * stride + divide(tap, params.kernel_width) * dilation) - vec2<i32>(padding);
}
