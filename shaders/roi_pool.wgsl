// Averages of the samples of bins: output[roi, channel, bin] = factor * the sum of bilinear samples of the bin's plane of the input
//
// bins    (rois, classes, bins): shared/roi_bins.wgsl
// input   (images, in_channels, height * width)
// output  (rois, out_channels, bins)
//
// What a dispatch does: shared/roi_planes.wgsl. A neighbour of weight 0 does not count. One invocation does one element.

@group(0) @binding(1) var<storage, read> bins: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> input: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn roi_pool(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = share(linear_workgroup(workgroup, grid) * 64u + lane);
    if !mine.exists {
        return;
    }
    let bin = unpack_bin(bins[3u * mine.bin], bins[3u * mine.bin + 1u], bins[3u * mine.bin + 2u]);
    if !does(bin.image) {
        return;
    }
    let plane = plane_start(bin.image, mine.plane);
    var sum = 0.0;
    for (var i = 0u; i < bin.samples.x; i++) {
        let y = between(sample_position(bin.y, i), params.height);
        let rows = plane + vec2<u32>(y.low, y.high) * params.width;
        for (var j = 0u; j < bin.samples.y; j++) {
            let x = between(sample_position(bin.x, j), params.width);
            let near = vec4<f32>(
                input[rows.x + x.low],
                input[rows.x + x.high],
                input[rows.y + x.low],
                input[rows.y + x.high],
            );
            let weight = vec2<f32>(1.0 - y.fraction, y.fraction).xxyy * vec2<f32>(1.0 - x.fraction, x.fraction).xyxy;
            sum += dot(weight, select(vec4<f32>(0.0), near, weight != vec4<f32>(0.0)));
        }
    }
    output[params.output_first + mine.element] = sum * bin.factor;
}
