// Which bins have samples near which tiles of the image, a bit for each: what a tile's pixels have to look at.
//
// bins     (rois, classes, bins): roi/parts/roi_bins.wgsl
// touches  (image, class, tile, words): bit b of word w is bin 32 w + b of its class, counted over all RoIs
//
// A dispatch does `images` images from image_first on, and tile_rows rows of tiles, tile_columns in each, from tile_row_first on. Tiles:
// roi/parts/roi_tiles.wgsl. One invocation does one word.

struct Params {
    pooling: Pooling,
    words: u32,
    image_first: u32,
    images: u32,
    tile_row_first: u32,
    tile_rows: u32,
    tile_columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bins: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> touches: array<u32>;

// Whether a neighbour of one of the samples along an axis is among the pixels of a tile.
fn touches_axis(axis: Axis, samples: u32, extent: u32, tile: u32) -> bool {
    let first = between(sample_position(axis, 0u), extent);
    let last = between(sample_position(axis, samples - 1u), extent);
    return (min(first.low, last.low) < (tile + 1u) * TILE) & (max(first.high, last.high) >= tile * TILE);
}

@compute @workgroup_size(64)
fn roi_touches(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = linear_workgroup(workgroup, grid) * 64u + lane;
    let by_word = divide(number, params.words);
    let by_column = divide(by_word.x, params.tile_columns);
    let by_row = divide(by_column.x, params.tile_rows);
    let by_class = divide(by_row.x, params.pooling.classes);
    if by_class.x >= params.images {
        return;
    }
    let image = params.image_first + by_class.x;
    let tile = vec2<u32>(params.tile_row_first + by_row.y, by_column.y);
    let pooled = params.pooling.pooled_height * params.pooling.pooled_width;
    let end = min(32u * by_word.y + 32u, params.pooling.rois * pooled);
    var bits = 0u;
    for (var number_in_class = 32u * by_word.y; number_in_class < end; number_in_class++) {
        let roi = divide(number_in_class, pooled);
        let at = 3u * ((roi.x * params.pooling.classes + by_class.y) * pooled + roi.y);
        let bin = unpack_bin(bins[at], bins[at + 1u], bins[at + 2u]);
        let touched = (bin.image == image)
            & all(bin.samples != vec2<u32>(0u))
            & touches_axis(bin.y, bin.samples.x, params.pooling.height, tile.x)
            & touches_axis(bin.x, bin.samples.y, params.pooling.width, tile.y);
        bits |= select(0u, 1u << (number_in_class % 32u), touched);
    }
    touches[number] = bits;
}
