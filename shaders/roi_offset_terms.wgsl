// What each output channel of a bin contributes to the gradients of the bin's offsets.
//
// bins         (rois, classes, bins): shared/roi_bins.wgsl
// input        (images, in_channels, height * width)
// grad_output  (rois, out_channels, bins)
// terms        as grad_output: (by x, by y)
//
// What a dispatch does: shared/roi_planes.wgsl. The derivative by a bin's position is reach (bits of f32) times the RoI's size times the sum over
// its samples of that by their position, which is, along an axis on which a sample is clamped, EXACT: 0; BEFORE_CLAMPING: that of the cell it
// is clamped to, the other axis interpolated at the position before it is clamped; and WITHIN_CELLS: 0, as it is at any whole number, where
// the others have the right-hand derivative. One invocation does one element.

const EXACT = 0u;
const BEFORE_CLAMPING = 1u;
const WITHIN_CELLS = 2u;

@group(0) @binding(1) var<storage, read> bins: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> input: array<f32>;
@group(0) @binding(3) var<storage, read> grad_output: array<f32>;
@group(0) @binding(4) var<storage, read_write> terms: array<vec2<f32>>;

// The derivative of the upper neighbour's weight along an axis.
fn slope(at: Between, position: f32) -> f32 {
    let kept = select(position >= 0.0, at.fraction != 0.0, params.derivative == WITHIN_CELLS)
        | (params.derivative == BEFORE_CLAMPING);
    return select(0.0, 1.0, kept & (at.low < at.high));
}

// The weights of the lower and the upper neighbour in the derivative along the other axis.
fn across(at: Between, position: f32) -> vec2<f32> {
    let unclamped = vec2<f32>(f32(at.high) - position, position - f32(at.low));
    return select(vec2<f32>(1.0 - at.fraction, at.fraction), unclamped, params.derivative == BEFORE_CLAMPING);
}

@compute @workgroup_size(64)
fn roi_offset_terms(
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
    var by_y = 0.0;
    var by_x = 0.0;
    var counts = vec2<bool>(false);
    for (var i = 0u; i < bin.samples.x; i++) {
        let position_y = sample_position(bin.y, i);
        let y = between(position_y, params.height);
        let rows = plane + vec2<u32>(y.low, y.high) * params.width;
        let slope_y = slope(y, position_y) * vec4<f32>(-1.0, -1.0, 1.0, 1.0);
        let across_y = across(y, position_y).xxyy;
        for (var j = 0u; j < bin.samples.y; j++) {
            let position_x = sample_position(bin.x, j);
            let x = between(position_x, params.width);
            let near = vec4<f32>(
                input[rows.x + x.low],
                input[rows.x + x.high],
                input[rows.y + x.low],
                input[rows.y + x.high],
            );
            let weight_y = slope_y * across(x, position_x).xyxy;
            let weight_x = slope(x, position_x) * vec4<f32>(-1.0, 1.0, -1.0, 1.0) * across_y;
            counts |= vec2<bool>(any(weight_x != vec4<f32>(0.0)), any(weight_y != vec4<f32>(0.0)));
            by_y += dot(weight_y, select(vec4<f32>(0.0), near, weight_y != vec4<f32>(0.0)));
            by_x += dot(weight_x, select(vec4<f32>(0.0), near, weight_x != vec4<f32>(0.0)));
        }
    }
    let grad = bitcast<f32>(params.reach) * bin.factor * grad_output[params.grad_output_first + mine.element];
    let moved = grad * vec2<f32>(by_x * bin.x.size, by_y * bin.y.size);
    // What does not count is 0, whatever it is multiplied with.
    terms[params.output_first + mine.element] = select(vec2<f32>(0.0), moved, counts);
}
