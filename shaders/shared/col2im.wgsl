// What col2im and deform_col2im have in common: gradients of columns added up for each pixel of the input.
//
// given       (group, pixel, quad) gradients of columns, a pixel's quads by tap and quad of the group, pixels counted over the strip:
//             given.wgsl
// grad_input  (image, channel, pixel), from the first channel of run run_first that is done, and pixel pixel_first, on
// table       per run of at most MOST_QUADS quads with one group and one offset group: its first quad, counted over all groups; its offset
//             group; its first channel; 32 * group + channels: table.wgsl; MOST_QUADS: shared/runs
//
// One invocation does one pixel for the channels of one run.

// The pixels and channels of the input that a dispatch does: `images` images from image_first on, counted over the strip, `pixels` pixels of
// each, and `runs` runs of channels, of each run those from lane_first to lane_end. A plane of what is bound has `plane` pixels, an image of the
// whole `channels` channels. Where accumulate is 1, sums are added to what is there. The struct takes a multiple of 16 bytes.
struct InputPiece {
    image_first: u32,
    images: u32,
    pixel_first: u32,
    pixels: u32,
    plane: u32,
    channels: u32,
    run_first: u32,
    runs: u32,
    lane_first: u32,
    lane_end: u32,
    accumulate: u32,
    grad_input_first: u32,
}

@group(0) @binding(2) var<storage, read_write> grad_input: array<f32>;

// The sums of up to MOST_QUADS quads; others stay 0.
struct Sums {
    q0: vec4<f32>,
    q1: vec4<f32>,
    q2: vec4<f32>,
    q3: vec4<f32>,
}

// Adds the columns of a run from the quad at `at` on, times a weight.
fn add_columns(before: Sums, quads: u32, at: u32, weight: f32) -> Sums {
    var sums = before;
    sums.q0 += weight * load_given(at);
    if MOST_QUADS > 1u && quads > 1u {
        sums.q1 += weight * load_given(at + NEXT_QUAD);
    }
    if MOST_QUADS > 2u && quads > 2u {
        sums.q2 += weight * load_given(at + 2u * NEXT_QUAD);
    }
    if MOST_QUADS > 2u && quads > 3u {
        sums.q3 += weight * load_given(at + 3u * NEXT_QUAD);
    }
    return sums;
}

// Where the columns of a run start, of a tap of an output pixel of the strip.
fn columns_start(run: vec4<u32>, pixel: u32, tap: u32) -> u32 {
    let group = run.w / 32u;
    let quad = tap * params.window.quads_per_group + run.x - group * params.window.quads_per_group;
    return quad_address(group, pixel, quad, params.window.pixels, params.window.taps * params.window.quads_per_group);
}

// Where the channels of a run start at a pixel. Wraps where the first are not bound.
fn gradient_start(image: u32, run: vec4<u32>, pixel: u32) -> u32 {
    let channel = image * params.piece.channels + run.z - table_entry(params.piece.run_first).z - params.piece.lane_first;
    return params.piece.grad_input_first + channel * params.piece.plane + pixel - params.piece.pixel_first;
}

// Whether a run has the channels of a quad, and the dispatch does them.
fn in_quad(channels: u32, first: u32) -> vec4<bool> {
    let channel = first + vec4<u32>(0u, 1u, 2u, 3u);
    return (channel >= vec4<u32>(params.piece.lane_first)) & (channel < vec4<u32>(channels));
}

fn load_quad(start: u32, channels: u32, first: u32) -> vec4<f32> {
    let exists = in_quad(channels, first);
    let channel = start + (first + vec4<u32>(0u, 1u, 2u, 3u)) * params.piece.plane;
    let at = select(vec4<u32>(0u), channel, exists);
    let value = vec4<f32>(grad_input[at.x], grad_input[at.y], grad_input[at.z], grad_input[at.w]);
    return select(vec4<f32>(0.0), value, exists);
}

// What the channels of a run hold, or 0. Chosen without a branch, as in matmul.wgsl.
fn load_sums(start: u32, channels: u32) -> Sums {
    let held = select(0u, channels, params.piece.accumulate != 0u);
    var sums: Sums;
    sums.q0 = load_quad(start, held, 0u);
    if MOST_QUADS > 1u {
        sums.q1 = load_quad(start, held, 4u);
    }
    if MOST_QUADS > 2u {
        sums.q2 = load_quad(start, held, 8u);
        sums.q3 = load_quad(start, held, 12u);
    }
    return sums;
}

fn store_quad(start: u32, channels: u32, first: u32, value: vec4<f32>) {
    let exists = in_quad(channels, first);
    let at = start + first * params.piece.plane;
    store_channel(exists.x, at, value.x);
    store_channel(exists.y, at + params.piece.plane, value.y);
    store_channel(exists.z, at + 2u * params.piece.plane, value.z);
    store_channel(exists.w, at + 3u * params.piece.plane, value.w);
}

fn store_channel(exists: bool, at: u32, value: f32) {
    if exists {
        grad_input[at] = value;
    }
}

fn store_sums(start: u32, channels: u32, sums: Sums) {
    store_quad(start, channels, 0u, sums.q0);
    if MOST_QUADS > 1u {
        store_quad(start, channels, 4u, sums.q1);
    }
    if MOST_QUADS > 2u {
        store_quad(start, channels, 8u, sums.q2);
        store_quad(start, channels, 12u, sums.q3);
    }
}
