// What im2col and deform_im2col have in common: columns of packed images.
//
// packed       (image, pixel, quad) quads of channels, of which the binding shows the pixels from band_first on, band_pixels of them
// columns      see the file that declares it: columns_quads, columns_channels
// channel_runs per run of quads with one group and one offset group: its first quad, its offset group, and two more for whoever stores
//              its columns
//
// Input pixels outside the band count 0; where an image is done in several bands, all but the first accumulate.
// One invocation does one run of one tap of one output pixel.

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
