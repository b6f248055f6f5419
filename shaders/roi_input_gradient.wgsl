// The gradient of a pooling's input: each pixel adds up, of every bin that has samples near it, the gradient of the output times what the
// pixel's weights in these samples add up to, by ascending RoI and bin.
//
// bins         (rois, classes, bins): shared/roi_bins.wgsl
// touches      roi_touches.wgsl; this dispatch does images from touched_image on, and rows of tiles from touched_row on, of touched_rows
// grad_output  (rois, out_channels, bins), from the first channel on that is done
// grad_input   (images, in_channels, height * width), from the first pixel on that is done
//
// A dispatch does `images` images, `classes_done` classes from class_first on, `channels` channels of each, `cells` cells of the grid of
// input channels that belong to each from cell_first on, and some rows of tiles. The weight of a pixel is a product of one by y and one by
// x, and so is what the weights in a grid of samples add up to. It adds to what is there where accumulate is 1. One workgroup does one
// tile for up to four output channels of a class, in one cell of that grid.

struct Params {
    rois: u32,
    classes: u32,
    pooled_height: u32,
    pooled_width: u32,
    words: u32,
    touched_image: u32,
    images: u32,
    touched_row: u32,
    touched_rows: u32,
    tile_row_first: u32,
    tile_rows: u32,
    tile_columns: u32,
    height: u32,
    width: u32,
    in_channels: u32,
    out_channels: u32,
    class_first: u32,
    classes_done: u32,
    class_channels: u32,
    channels: u32,
    group_height: u32,
    group_width: u32,
    cell_first: u32,
    cells: u32,
    accumulate: u32,
    grad_output_first: u32,
    grad_input_first: u32,
    bin_iterations: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bins: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> touches: array<u32>;
@group(0) @binding(3) var<storage, read> grad_output: array<f32>;
@group(0) @binding(4) var<storage, read_write> grad_input: array<f32>;

// What the weights of a pixel in the samples along an axis add up to.
fn weight_along(axis: Axis, samples: u32, pixel: u32, extent: u32) -> f32 {
    let at = f32(pixel);
    // What lies beyond the image is clamped to its edge.
    let reach = vec2<f32>(select(at - 1.0, -2.0, pixel == 0u), select(at + 1.0, at + 2.0, pixel == extent - 1u));
    let way = select(reach, reach.yx, axis.size < 0.0);
    var first = 0u;
    var end = samples;
    if samples > 8u {
        first = samples_before(axis, samples, way.x, true);
        end = samples_before(axis, samples, way.y, false);
    }
    var sum = 0.0;
    for (var k = first; k < end; k++) {
        let near = between(sample_position(axis, k), extent);
        sum += select(0.0, 1.0 - near.fraction, near.low == pixel);
        sum += select(0.0, near.fraction, near.high == pixel);
    }
    return sum;
}

@compute @workgroup_size(64)
fn roi_input_gradient(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let blocks = (params.channels + 3u) / 4u;
    let by_column = divide(linear_workgroup(workgroup, grid), params.tile_columns);
    let by_row = divide(by_column.x, params.tile_rows);
    let by_cell = divide(by_row.x, params.cells);
    let by_block = divide(by_cell.x, blocks);
    let by_class = divide(by_block.x, params.classes_done);
    let group = divide(params.cell_first + by_cell.y, params.group_width);
    let image = by_class.x;

    let y = (params.tile_row_first + by_row.y) * TILE + lane / TILE;
    let x = by_column.y * TILE + lane % TILE;
    let inside = (image < params.images) & (y < params.height) & (x < params.width);
    let class_number = params.class_first + by_class.y;
    // Counted from the first channel of the first class that is done.
    let channel = by_class.y * params.class_channels + 4u * by_block.y;
    let channels = min(4u, params.channels - 4u * by_block.y);
    let pooled = params.pooled_height * params.pooled_width;

    let touched = (params.touched_image + image) * params.classes + class_number;
    let tile = (touched * params.touched_rows + params.touched_row + by_row.y) * params.tile_columns + by_column.y;
    let words = select(0u, params.words, inside);
    let plane = params.height * params.width;
    let cells = params.group_height * params.group_width;
    let first_plane = image * params.in_channels + channel * cells + by_cell.y;
    let start = params.grad_input_first + first_plane * plane + (y - params.tile_row_first * TILE) * params.width + x;

    var sums = vec4<f32>(0.0);
    let lanes = vec4<u32>(0u, 1u, 2u, 3u);
    let end = select(0u, channels, inside);
    for (var c = 0u; c < end; c++) {
        sums[c] = select(0.0, grad_input[start + c * cells * plane], params.accumulate != 0u);
    }
    for (var word = 0u; word < words; word++) {
        var bits = touches[tile * params.words + word];
        while bits != 0u {
            let roi = divide(32u * word + firstTrailingBit(bits), pooled);
            bits &= bits - 1u;
            let row = divide(roi.y, params.pooled_width);
            let of_row = divide(row.x * params.group_height, params.pooled_height).x;
            let of_column = divide(row.y * params.group_width, params.pooled_width).x;
            let at = 3u * ((roi.x * params.classes + class_number) * pooled + roi.y);
            let bin = unpack_bin(bins[at], bins[at + 1u], bins[at + 2u]);
            var weight = 0.0;
            if all(vec2<u32>(of_row, of_column) == group) {
                weight = weight_along(bin.y, bin.samples.x, y, params.height);
                weight *= weight_along(bin.x, bin.samples.y, x, params.width) * bin.factor;
            }
            let element = params.grad_output_first + (roi.x * params.out_channels + channel) * pooled + roi.y;
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
        grad_input[start + c * cells * plane] = sums[c];
    }
}
