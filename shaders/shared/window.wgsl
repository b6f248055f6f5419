// A window that slides over packed images, which of its output pixels a dispatch does, and where the offsets of a deformable one lie. Both structs
// take multiples of 16 bytes, so that a uniform may hold them.

// Output pixels are numbered over all images; a dispatch does `pixels` of them from pixel_first on, and what it makes is counted from there. Input
// pixels are numbered likewise; those from band_first on are packed, band_pixels of them, in `quads` quads each.
struct Window {
    pixel_first: u32,
    pixels: u32,
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
    out_pixels: u32,
    kernel_height: u32,
    kernel_width: u32,
    taps: u32,
    stride_y: u32,
    stride_x: u32,
    padding_top: u32,
    padding_left: u32,
    dilation_y: u32,
    dilation_x: u32,
    quads: u32,
    quads_per_group: u32,
    band_first: u32,
    band_pixels: u32,
}

// See shared/rows/offsets.wgsl, shared/panels/offsets.wgsl.
struct Offsets {
    point_first: u32,
    points: u32,
    origin: u32,
    y_first: u32,
    y_batch: u32,
    y_step: u32,
    x_first: u32,
    x_batch: u32,
    x_step: u32,
    mask_first: u32,
    mask_batch: u32,
    mask_step: u32,
}
