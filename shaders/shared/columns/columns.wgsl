// What im2col and deform_im2col have in common: columns of packed images.
//
// columns      see the files that declare it: shared/columns/quads.wgsl with columns.wgsl of rows or panels; shared/columns/channels.wgsl
// packed       (pixel of all images, quad) quads of channels, of which there are the pixels from band_first on, band_pixels of them:
//              packed.wgsl
// table        per run of quads with one group and one offset group: its first quad, its offset group, and two more for whoever stores
//              its columns: table.wgsl
//
// Input pixels outside the band count 0; where an image is done in several bands, all but the first accumulate.
// A dispatch does `runs` runs from run_first on, and the taps of each from tap_first to tap_end, in tap_runs runs of run_taps.
// One invocation does one of these, of one run of quads and one output pixel. Those of pixels that lie together in the columns follow one another.

// What an invocation does: an output pixel, counted from pixel_first, some of its taps, and a run.
struct Item {
    pixel: u32,
    tap_first: u32,
    tap_end: u32,
    run: u32,
    exists: bool,
}

fn item(invocation: u32) -> Item {
    let by_run = divide(invocation / ROWS_TOGETHER, params.runs);
    let by_tap = divide(by_run.x, params.tap_runs);
    let pixel = by_tap.x * ROWS_TOGETHER + invocation % ROWS_TOGETHER;
    let tap_first = params.tap_first + by_tap.y * params.run_taps;
    let tap_end = min(tap_first + params.run_taps, params.tap_end);
    return Item(pixel, tap_first, tap_end, params.run_first + by_run.y, pixel < params.window.pixels);
}
