// The gradient of a convolution's input: each pixel adds up the gradients of the columns that were taken from it.
//
// Columns and gradients: shared/col2im.wgsl. The strip starts at output pixel strip_first, counted over all images, and has no output rows
// but those from row_first to row_last. A dispatch does the taps from tap_first to tap_end. Sums go by row, whatever strips the rows come in.

struct Params {
    image_first: u32,
    images: u32,
    pixel_first: u32,
    pixels: u32,
    plane: u32,
    width: u32,
    channels: u32,
    strip_pixels: u32,
    taps: u32,
    quads_per_group: u32,
    run_first: u32,
    runs: u32,
    lane_first: u32,
    lane_end: u32,
    accumulate: u32,
    grad_input_first: u32,
    out_height: u32,
    out_width: u32,
    strip_first: u32,
    row_first: u32,
    row_last: u32,
    kernel_width: u32,
    stride_y: u32,
    stride_x: u32,
    padding_top: u32,
    padding_left: u32,
    dilation_y: u32,
    dilation_x: u32,
    tap_first: u32,
    tap_end: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

// The rows of the kernel from which a pixel may meet the strip: the first, and the one behind the last.
fn kernel_rows(y: u32) -> vec2<u32> {
    let padded = y + params.padding_top;
    let furthest = params.row_first * params.stride_y;
    let nearest = min(params.row_last * params.stride_y, padded);
    let first = divide(padded - nearest + params.dilation_y - 1u, params.dilation_y).x;
    let last = divide(padded - min(furthest, padded), params.dilation_y).x;
    return vec2<u32>(first, select(0u, min(last + 1u, params.taps / params.kernel_width), furthest <= padded));
}

@compute @workgroup_size(64)
fn col2im(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.pixels);
    let at = divide(mine.x, params.runs);
    if at.x >= params.images {
        return;
    }
    let run = table_entry(params.run_first + at.y);
    let pixel = params.pixel_first + mine.y;
    let yx = divide(pixel, params.width);

    let channels = min(run.w % 32u, params.lane_end);
    let quads = (channels + 3u) / 4u;
    let start = gradient_start(at.x, run, pixel);
    var sums = load_sums(start, channels);
    let rows = kernel_rows(yx.x);
    let tap_first = max(params.tap_first, rows.x * params.kernel_width);
    // The last tap meets the first output pixel.
    for (var tap = min(params.tap_end, rows.y * params.kernel_width); tap > tap_first;) {
        tap--;
        let kernel = divide(tap, params.kernel_width);
        // Wraps above and left of the first window.
        let first = yx + vec2<u32>(params.padding_top, params.padding_left) - kernel * vec2<u32>(params.dilation_y, params.dilation_x);
        let y = divide(first.x, params.stride_y);
        let x = divide(first.y, params.stride_x);
        let of_pixel = ((params.image_first + at.x) * params.out_height + y.x) * params.out_width + x.x - params.strip_first;
        let meets = y.y == 0u && x.y == 0u && y.x < params.out_height && x.x < params.out_width;
        if meets && of_pixel < params.strip_pixels {
            sums = add_columns(sums, quads, columns_start(run, of_pixel, tap), 1.0);
        }
    }
    store_sums(start, channels, sums);
}
