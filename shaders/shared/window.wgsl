// A window that slides over images, and which of its output pixels a dispatch does.
//
// Output pixels are numbered over all images; a dispatch does `pixels` of them from pixel_first on, and what it makes is counted from
// there.

// From border on it is about offsets: shared/offsets.wgsl.
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
    run_first: u32,
    runs: u32,
    tap_first: u32,
    tap_count: u32,
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
