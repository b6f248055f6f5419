// The gradient of a pooling's input: each pixel adds up, of every bin that has samples near it, the gradient of the output times what the
// pixel's weights in these samples add up to, by ascending RoI and bin.
//
// bins         (rois, classes, bins): roi/parts/roi_bins.wgsl
// touches      roi_touches.wgsl; this dispatch does images from touched_image on, and rows of tiles from touched_row on, of touched_rows
// grad_output  (rois, out_channels, bins), from the first channel on that is done
// grad_input   (images, in_channels, height * width), from the first pixel on that is done
//
// A dispatch does `images` images, `classes_done` classes from class_first on, `channels` channels of each, `maps` maps of the grid of
// input channels that belong to each from map_first on, some rows of tiles, and bins from bin_first to bin_end of each class, counted over all
// RoIs. The weight of a pixel is a product of one by y and one by x, and so is what the weights in a grid of samples add up to. No bin has more
// than `samples` samples along an axis, nor more than `near` that a pixel is a neighbour of. It adds to what is there where accumulate is 1.
// One workgroup does one tile for up to four output channels of a class, in one map of that grid.

struct Params {
    pooling: Pooling,
    words: u32,
    bin_first: u32,
    bin_end: u32,
    samples: u32,
    near: u32,
    touched_image: u32,
    images: u32,
    touched_row: u32,
    touched_rows: u32,
    tile_row_first: u32,
    tile_rows: u32,
    tile_columns: u32,
    class_first: u32,
    classes_done: u32,
    channels: u32,
    map_first: u32,
    maps: u32,
    accumulate: u32,
    grad_output_first: u32,
    grad_input_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bins: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> touches: array<u32>;
@group(0) @binding(3) var<storage, read> grad_output: array<f32>;
@group(0) @binding(4) var<storage, read_write> grad_input: array<f32>;

// The positions of a sample along either axis.
fn positions(bin: Bin, k: vec2<u32>) -> vec2<f32> {
    return vec2<f32>(sample_position(bin.y, k.x), sample_position(bin.x, k.y));
}

// The samples along either axis that a pixel may be a neighbour of: the first, and the one behind the last; found by bisection, all four at once.
fn samples_near(bin: Bin, samples: vec2<u32>, pixel: vec2<u32>) -> vec4<u32> {
    let at = vec2<f32>(pixel);
    let last = vec2<u32>(params.pooling.height, params.pooling.width) - 1u;
    // What lies beyond the image is clamped to its edge.
    let lower = select(at - 1.0, vec2<f32>(-2.0), pixel == vec2<u32>(0u));
    let upper = select(at + 1.0, at + 2.0, pixel == last);
    let descends = vec2<f32>(bin.y.size, bin.x.size) < vec2<f32>(0.0);
    let levels = vec4<f32>(select(lower, upper, descends), select(upper, lower, descends));
    let behind_is_below = vec4<bool>(descends, descends);
    var low = vec4<u32>(0u);
    var high = vec4<u32>(samples, samples);
    while any(low < high) {
        let middle = (low + high) / 2u;
        let at_middle = vec4<f32>(positions(bin, middle.xy), positions(bin, middle.zw));
        let behind = select(at_middle > levels, at_middle < levels, behind_is_below);
        let before = !behind & (vec4<bool>(true, true, false, false) | (at_middle != levels));
        let open = low < high;
        low = select(low, middle + 1u, open & before);
        high = select(high, middle, open & !before);
    }
    return low;
}

// What the weights of a pixel in a sample along either axis are, where that is one before the end.
fn weights_in(bin: Bin, k: vec2<u32>, end: vec2<u32>, pixel: vec2<u32>) -> vec2<f32> {
    let at = positions(bin, k);
    let y = between(at.x, params.pooling.height);
    let x = between(at.y, params.pooling.width);
    let low = select(vec2<f32>(0.0), 1.0 - vec2<f32>(y.fraction, x.fraction), vec2<u32>(y.low, x.low) == pixel);
    let high = select(vec2<f32>(0.0), vec2<f32>(y.fraction, x.fraction), vec2<u32>(y.high, x.high) == pixel);
    // A pixel that is both is so for a fraction of 0.
    return select(vec2<f32>(0.0), low + high, k < end);
}

// What the weights of a pixel in the samples along either axis add up to.
fn weights_along(bin: Bin, pixel: vec2<u32>) -> vec2<f32> {
    let samples = min(bin.samples, vec2<u32>(params.samples));
    var first = vec2<u32>(0u);
    var end = samples;
    if any(samples > vec2<u32>(8u)) {
        let near = samples_near(bin, samples, pixel);
        first = near.xy;
        end = min(near.zw, near.xy + params.near);
    }
    let counts = max(end, first) - first;
    let count = max(counts.x, counts.y);
    var sums = vec2<f32>(0.0);
    for (var k = 0u; k < count; k++) {
        sums += weights_in(bin, first + k, end, pixel);
    }
    return sums;
}

// The bins of a word that touch a tile, of those that are done.
fn touched_bins(tile: u32, word: u32) -> u32 {
    let first = max(params.bin_first, 32u * word) - 32u * word;
    let count = min(params.bin_end - 32u * word, 32u);
    return touches[tile * params.words + word] & (0xffffffffu << first) & (0xffffffffu >> (32u - count));
}

@compute @workgroup_size(64)
fn roi_input_gradient(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let runs = (params.channels + 3u) / 4u;
    let by_column = divide(linear_workgroup(workgroup, grid), params.tile_columns);
    let by_row = divide(by_column.x, params.tile_rows);
    let by_map = divide(by_row.x, params.maps);
    let by_run = divide(by_map.x, runs);
    let by_class = divide(by_run.x, params.classes_done);
    let group = divide(params.map_first + by_map.y, params.pooling.group_width);
    let image = by_class.x;

    let y = (params.tile_row_first + by_row.y) * TILE + lane / TILE;
    let x = by_column.y * TILE + lane % TILE;
    let inside = (image < params.images) & (y < params.pooling.height) & (x < params.pooling.width);
    let class_number = params.class_first + by_class.y;
    // Counted from the first channel of the first class that is done.
    let channel = by_class.y * params.pooling.class_channels + 4u * by_run.y;
    let channels = min(4u, params.channels - 4u * by_run.y);
    let pooled = params.pooling.pooled_height * params.pooling.pooled_width;

    let touched = (params.touched_image + image) * params.pooling.classes + class_number;
    let tile = (touched * params.touched_rows + params.touched_row + by_row.y) * params.tile_columns + by_column.y;
    let word_first = params.bin_first / 32u;
    let word_end = select(word_first, (params.bin_end + 31u) / 32u, inside);
    var touching = 0u;
    for (var word = word_first; word < word_end; word++) {
        touching |= touched_bins(tile, word);
    }
    if (touching == 0u) & (params.accumulate != 0u) {
        return;
    }
    let plane = params.pooling.height * params.pooling.width;
    let maps = params.pooling.group_height * params.pooling.group_width;
    let first_plane = image * params.pooling.in_channels + channel * maps + by_map.y;
    let start = params.grad_input_first + first_plane * plane + (y - params.tile_row_first * TILE) * params.pooling.width + x;

    var sums = vec4<f32>(0.0);
    let lanes = vec4<u32>(0u, 1u, 2u, 3u);
    let end = select(0u, channels, inside);
    for (var c = 0u; c < end; c++) {
        sums[c] = select(0.0, grad_input[start + c * maps * plane], params.accumulate != 0u);
    }
    for (var word = word_first; word < word_end; word++) {
        var bits = touched_bins(tile, word);
        while bits != 0u {
            let roi = divide(32u * word + firstTrailingBit(bits), pooled);
            bits &= bits - 1u;
            let row = divide(roi.y, params.pooling.pooled_width);
            let of_row = divide(row.x * params.pooling.group_height, params.pooling.pooled_height).x;
            let of_column = divide(row.y * params.pooling.group_width, params.pooling.pooled_width).x;
            let at = 3u * ((roi.x * params.pooling.classes + class_number) * pooled + roi.y);
            let bin = unpack_bin(bins[at], bins[at + 1u], bins[at + 2u]);
            var weight = 0.0;
            if all(vec2<u32>(of_row, of_column) == group) {
                let along = weights_along(bin, vec2<u32>(y, x));
                weight = along.x * (along.y * bin.factor);
            }
            let element = params.grad_output_first + (roi.x * params.pooling.out_channels + channel) * pooled + roi.y;
            let sources = element + min(lanes, vec4<u32>(channels - 1u)) * pooled;
            let grad = vec4<f32>(
                grad_output[sources.x],
                grad_output[sources.y],
                grad_output[sources.z],
                grad_output[sources.w],
            );
            // What does not count is not added, whatever it is.
            sums += select(vec4<f32>(0.0), weight * grad, vec4<bool>(weight != 0.0));
        }
    }
    for (var c = 0u; c < end; c++) {
        grad_input[start + c * maps * plane] = sums[c];
    }
}
