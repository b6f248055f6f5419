// The gradient of a convolution's input: each pixel adds up the gradients of the columns that were taken from it.
//
// Columns and gradients: shared/col2im.wgsl. The strip is that of the window, and has no output rows but those from row_first to row_last.
// A dispatch does the taps from tap_first to tap_end. Sums go by row, whatever strips the rows come in.

struct Params {
    window: Window,
    piece: InputPiece,
    row_first: u32,
    row_last: u32,
    tap_first: u32,
    tap_end: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

// The rows of the kernel from which a pixel may meet the strip: the first, and the one behind the last.
fn kernel_rows(y: u32) -> vec2<u32> {
    let window = params.window;
    let padded = y + window.padding_top;
    let furthest = params.row_first * window.stride_y;
    let nearest = min(params.row_last * window.stride_y, padded);
    let first = divide(padded - nearest + window.dilation_y - 1u, window.dilation_y).x;
    let last = divide(padded - min(furthest, padded), window.dilation_y).x;
    return vec2<u32>(first, select(0u, min(last + 1u, window.taps / window.kernel_width), furthest <= padded));
}

@compute @workgroup_size(64)
fn col2im(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let window = params.window;
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.piece.pixels);
    let at = divide(mine.x, params.piece.runs);
    if at.x >= params.piece.images {
        return;
    }
    let run = table_entry(params.piece.run_first + at.y);
    let pixel = params.piece.pixel_first + mine.y;
    let yx = divide(pixel, window.width);

    let channels = min(run.w % 32u, params.piece.lane_end);
    let quads = (channels + 3u) / 4u;
    let start = gradient_start(at.x, run, pixel);
    var sums = load_sums(start, channels);
    let rows = kernel_rows(yx.x);
    let tap_first = max(params.tap_first, rows.x * window.kernel_width);
    // The last tap meets the first output pixel.
    for (var tap = min(params.tap_end, rows.y * window.kernel_width); tap > tap_first;) {
        tap--;
        let kernel = divide(tap, window.kernel_width);
        // Wraps above and left of the first window.
        let first = yx + vec2<u32>(window.padding_top, window.padding_left) - kernel * vec2<u32>(window.dilation_y, window.dilation_x);
        let y = divide(first.x, window.stride_y);
        let x = divide(first.y, window.stride_x);
        let of_pixel = ((params.piece.image_first + at.x) * window.out_height + y.x) * window.out_width + x.x - window.pixel_first;
        let meets = y.y == 0u && x.y == 0u && y.x < window.out_height && x.x < window.out_width;
        if meets && of_pixel < window.pixels {
            sums = add_columns(sums, quads, columns_start(run, of_pixel, tap), 1.0);
        }
    }
    store_sums(start, channels, sums);
}
