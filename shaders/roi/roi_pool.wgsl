// Averages, or maxima, of the samples of bins: output[roi, channel, bin] = what roi/parts/pooled_average.wgsl or roi/parts/pooled_max.wgsl makes of the
// bilinear samples of the bin's plane of the input
//
// bins    (rois, classes, bins): roi/parts/roi_bins.wgsl
// input   (images, in_channels, height * width)
// output  (rois, out_channels, bins)
//
// What a dispatch does: roi/parts/roi_planes.wgsl. One invocation, or one workgroup, does one bin of a
// run of channels.

@group(0) @binding(1) var<storage, read> bins: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> input: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

// A row of samples: the first pixels of the rows of the image above and below, and how far it lies below the upper.
struct Row {
    starts: vec2<u32>,
    fraction: f32,
}

fn row_of(bin: Bin, plane: u32, i: u32) -> Row {
    let y = between(sample_position(bin.y, i), params.pooling.height);
    return Row(plane + vec2<u32>(y.low, y.high) * params.pooling.width, y.fraction);
}

fn with_sample(sums: Sums, row: Row, bin: Bin, j: u32) -> Sums {
    let x = between(sample_position(bin.x, j), params.pooling.width);
    let near = vec4<f32>(
        input[row.starts.x + x.low],
        input[row.starts.x + x.high],
        input[row.starts.y + x.low],
        input[row.starts.y + x.high],
    );
    let weight = vec2<f32>(1.0 - row.fraction, row.fraction).xxyy * vec2<f32>(1.0 - x.fraction, x.fraction).xyxy;
    return together(sums, of_sample(weight, near));
}

@compute @workgroup_size(64)
fn roi_pool(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = item(item_number(linear_workgroup(workgroup, grid), lane));
    if !mine.exists {
        return;
    }
    let bin = unpack_bin(bins[3u * mine.bin], bins[3u * mine.bin + 1u], bins[3u * mine.bin + 2u]);
    if !(does(bin.image) & takes(bin)) {
        return;
    }
    var plane = plane_start(bin.image, mine.plane);
    var at = params.output_first + mine.element;
    for (var channel = 0u; channel < mine.channels; channel++) {
        let sums = sum_up(bin, plane, lane);
        if lane % LANES == 0u {
            output[at] = pooled(sums, bin, output[at], params.segment_first != 0u);
        }
        plane += next_pixel();
        at += next_element();
    }
}
