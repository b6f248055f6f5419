// Regions of interest as bins, and the samples of each that count: roi/parts/roi_bins.wgsl.
//
// rois    (rois, 5) bits of image, x1, y1, x2, y2
// offset  (rois, classes, 2, part_height, part_width) bits of an offset by x, then by y; not read where deformed is 0
//
// A corner is rounded, ties away from 0, where rounded is 1, in which case the RoI reaches to the end of the pixel; it is scaled and
// shifted, and the RoI enlarged to `least`. A bin is moved by reach * size * offset. It has samples_y by samples_x samples, 0 for as many as
// there are pixels; the k-th along an axis lies k + phase steps from the bin's start, and counts where it is no further than `beyond` from
// the outermost pixels' centres. Their sum is divided by the number of all of them, or, where skips is 1, of those that count; where skips is 2 the
// factor is 1 where all of them count, and else 0. A RoI has no
// samples where the magnitude of a corner exceeds that of bits `furthest`, a bin where an offset is not finite. One invocation does one bin.

struct Params {
    pooling: Pooling,
    rounded: u32,
    scale: f32,
    shift: f32,
    least: f32,
    furthest: u32,
    samples_y: u32,
    samples_x: u32,
    phase: f32,
    beyond: f32,
    skips: u32,
    deformed: u32,
    rois_first: u32,
    offset_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rois: array<u32>;
@group(0) @binding(2) var<storage, read> offset: array<u32>;
@group(0) @binding(3) var<storage, read_write> bins: array<vec4<u32>>;

// To the nearest whole number, ties away from 0. The magnitude is below 2^24 wherever that matters.
fn round_away(value: vec2<f32>) -> vec2<f32> {
    let whole = trunc(value);
    return whole + select(vec2<f32>(0.0), sign(value), abs(value - whole) >= vec2<f32>(0.5));
}

@compute @workgroup_size(64)
fn roi_bins(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = linear_workgroup(workgroup, grid) * 64u + lane;
    let by_column = divide(number, params.pooling.pooled_width);
    let by_row = divide(by_column.x, params.pooling.pooled_height);
    let by_class = divide(by_row.x, params.pooling.classes);
    if by_class.x >= params.pooling.rois {
        return;
    }
    let bin_at = vec2<u32>(by_row.y, by_column.y);
    let pooled = vec2<u32>(params.pooling.pooled_height, params.pooling.pooled_width);

    // All pairs are (y, x).
    let roi = params.rois_first + 5u * by_class.x;
    let corner_bits = vec4<u32>(rois[roi + 2u], rois[roi + 1u], rois[roi + 4u], rois[roi + 3u]);
    let near = all((corner_bits & vec4<u32>(0x7fffffffu)) <= vec4<u32>(params.furthest));
    let corners = bitcast<vec4<f32>>(select(vec4<u32>(0u), corner_bits, near));
    let rounded = params.rounded != 0u;
    let first_corner = select(corners.xy, round_away(corners.xy), rounded);
    let last_corner = select(corners.zw, round_away(corners.zw) + 1.0, rounded);
    let roi_start = first_corner * params.scale - params.shift;
    let size = max(last_corner * params.scale - params.shift - roi_start, vec2<f32>(params.least));

    let part = divide(bin_at.x * params.pooling.part_height, pooled.x).x * params.pooling.part_width
        + divide(bin_at.y * params.pooling.part_width, pooled.y).x;
    let plane = params.pooling.part_height * params.pooling.part_width;
    let at = params.offset_first + 2u * by_row.x * plane + part;
    let deformed = vec2<bool>(params.deformed != 0u);
    let read = vec2<u32>(offset[select(0u, at + plane, deformed.x)], offset[select(0u, at, deformed.x)]);
    let offset_bits = select(vec2<u32>(0u), read, deformed);
    let finite = all((offset_bits & vec2<u32>(0x7f800000u)) != vec2<u32>(0x7f800000u));
    // Clamped, so that no product is infinite: either moves any bin out of the image.
    let offsets = clamp(bitcast<vec2<f32>>(select(vec2<u32>(0u), offset_bits, vec2<bool>(finite))), vec2<f32>(-1e18), vec2<f32>(1e18));
    let start = roi_start + clamp(params.pooling.reach * size * offsets, vec2<f32>(-1e9), vec2<f32>(1e9));

    let wanted = vec2<u32>(params.samples_y, params.samples_x);
    let as_pixels = max(ceil(size / vec2<f32>(pooled)), vec2<f32>(0.0));
    let count = select(vec2<f32>(wanted), as_pixels, wanted == vec2<u32>(0u));
    let divisions = max(vec2<f32>(pooled) * count, vec2<f32>(1.0));
    let before = vec2<f32>(bin_at) * count;

    // Truncated; on the bits, since it may be NaN.
    let image_bits = rois[roi];
    let small = (image_bits & 0x7fffffffu) < 0x4f000000u;
    let image_number = trunc(bitcast<f32>(select(0u, image_bits, small)));
    let exists = small & (image_number >= 0.0) & (u32(max(image_number, 0.0)) < params.pooling.batch);

    var axes = array<Axis, 2>();
    var samples = vec2<u32>(0u);
    var whole = true;
    let extent = vec2<u32>(params.pooling.height, params.pooling.width);
    for (var i = 0u; i < 2u; i++) {
        var axis = Axis(start[i], size[i], divisions[i], before[i] + params.phase);
        let all = select(0u, u32(count[i]), near & finite & exists);
        let ends = vec2<f32>(-params.beyond, f32(extent[i] - 1u) + params.beyond);
        let way = select(ends, ends.yx, size[i] < 0.0);
        let skipped = samples_before(axis, all, way.x, false);
        samples[i] = samples_before(axis, all, way.y, true) - skipped;
        whole = whole & (samples[i] == all);
        axis.first += f32(skipped);
        axes[i] = axis;
    }
    samples = select(vec2<u32>(0u), samples, all(samples != vec2<u32>(0u)));
    let averaged = select(count.x * count.y, f32(samples.x) * f32(samples.y), params.skips == 1u);
    let factor = select(1.0 / max(averaged, 1.0), select(0.0, 1.0, whole), params.skips == 2u);
    let bin = 3u * number;
    bins[bin] = bitcast<vec4<u32>>(vec4<f32>(axes[0].start, axes[0].size, axes[0].divisions, axes[0].first));
    bins[bin + 1u] = bitcast<vec4<u32>>(vec4<f32>(axes[1].start, axes[1].size, axes[1].divisions, axes[1].first));
    let image = select(NOWHERE, u32(max(image_number, 0.0)), exists);
    bins[bin + 2u] = vec4<u32>(samples, bitcast<u32>(factor), image);
}
