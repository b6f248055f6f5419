// What deform_col2im and deform_col2im_touched have in common: the chains of a strip's samples, merged for the pixels of the input, but for pixels
// with a long cell, which deform_col2im_long does.
//
// Columns and gradients: shared/col2im.wgsl; samples: sample/parts/samples.wgsl; heads: chain_samples.wgsl, chain_sorted.wgsl.
// The chains around a pixel have no more than `chained` rows. Sums go by row, whatever strips the rows come in.

struct Params {
    window: Window,
    piece: InputPiece,
    offset_group_first: u32,
    offset_groups: u32,
    cell_first: u32,
    cells: u32,
    chained: u32,
    listed: u32,
    workers: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> heads: array<u32>;

// The heads of the cells of which a pixel, (y, x), is the lower right, lower left, upper right and upper left neighbour, in the offset group of
// a run.
fn heads_around(image: u32, run: vec4<u32>, yx: vec2<u32>) -> vec4<u32> {
    let offset_group = run.y - params.offset_group_first;
    let chains = ((params.piece.image_first + image) * params.offset_groups + offset_group) * params.cells - params.cell_first;
    let cell = chains + yx.x * (params.window.width + 1u) + yx.y;
    let below = cell + params.window.width + 1u;
    return vec4<u32>(heads[cell], heads[cell + 1u], heads[below], heads[below + 1u]);
}

// Adds the samples of the chains around a pixel to the channels of a run.
fn add_chains(image: u32, run: vec4<u32>, pixel: u32, first: vec4<u32>) {
    if any((first >= vec4<u32>(LONG_BIT)) & (first != vec4<u32>(NOWHERE))) {
        return;
    }
    let channels = min(run.w % 32u, params.piece.lane_end);
    let quads = (channels + 3u) / 4u;
    let start = gradient_start(image, run, pixel);
    var sums = load_sums(start, channels);
    var head = first;
    loop {
        let row = min(min(head.x, head.y), min(head.z, head.w));
        if row == NOWHERE {
            break;
        }
        let sample = run.y * params.window.pixels * params.window.taps + row;
        let is = head == vec4<u32>(row);
        let at_sample = load_sample(sample);
        head = select(head, vec4<u32>(at_sample.w), is);
        sums = add_sample(sums, run, quads, row, bitcast<vec4<f32>>(at_sample), is.x || is.y, is.x || is.z);
    }
    store_sums(start, channels, sums);
}
