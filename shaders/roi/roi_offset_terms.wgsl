// What each output channel of a bin contributes to the gradients of the bin's offsets.
//
// bins         (rois, classes, bins): roi/parts/roi_bins.wgsl
// input        (images, in_channels, height * width)
// grad_output  (rois, out_channels, bins)
// terms        as grad_output: (by x, by y)
//
// What a dispatch does: roi/parts/roi_planes.wgsl. The derivative by an offset is reach times the RoI's size times the sum over
// the bin's samples of that by their position. At whole numbers it is the right-hand one, and along an axis on which a sample is clamped
//
// EXACT            0
// BEFORE_CLAMPING  that of the cell that it is clamped to, both axes interpolated at the position before it was clamped
// WITHIN_CELLS     0, as it is at any whole number then
//
// One invocation, or one workgroup, does one bin of a run of channels.

const EXACT = 0u;
const BEFORE_CLAMPING = 1u;
const WITHIN_CELLS = 2u;

@group(0) @binding(1) var<storage, read> bins: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> input: array<f32>;
@group(0) @binding(3) var<storage, read> grad_output: array<f32>;
@group(0) @binding(4) var<storage, read_write> terms: array<vec2<f32>>;

// The derivative of the upper neighbour's weight along an axis.
fn slope(at: Between, position: f32) -> f32 {
    let kept = select(position >= 0.0, at.fraction != 0.0, params.pooling.derivative == WITHIN_CELLS)
        | (params.pooling.derivative == BEFORE_CLAMPING);
    return select(0.0, 1.0, kept & (at.low < at.high));
}

// The weights of the lower and the upper neighbour in the derivative along the other axis.
fn across(at: Between, position: f32) -> vec2<f32> {
    let unclamped = vec2<f32>(f32(at.high) - position, position - f32(at.low));
    return select(vec2<f32>(1.0 - at.fraction, at.fraction), unclamped, params.pooling.derivative == BEFORE_CLAMPING);
}

// Sums of the derivatives by y and by x, and how often each counts.
alias Sums = vec4<f32>;

fn of_none() -> Sums {
    return vec4<f32>(0.0);
}

fn together(a: Sums, b: Sums) -> Sums {
    return a + b;
}

// A row of samples: the first pixels of the rows of the image above and below, and the weights of these in the derivative along either axis.
struct Row {
    starts: vec2<u32>,
    slope: vec4<f32>,
    across: vec4<f32>,
}

fn row_of(bin: Bin, plane: u32, i: u32) -> Row {
    let position = sample_position(bin.y, i);
    let y = between(position, params.pooling.height);
    return Row(
        plane + vec2<u32>(y.low, y.high) * params.pooling.width,
        slope(y, position) * vec4<f32>(-1.0, -1.0, 1.0, 1.0),
        across(y, position).xxyy,
    );
}

fn with_sample(sums: Sums, row: Row, bin: Bin, j: u32) -> Sums {
    let position = sample_position(bin.x, j);
    let x = between(position, params.pooling.width);
    let near = vec4<f32>(
        input[row.starts.x + x.low],
        input[row.starts.x + x.high],
        input[row.starts.y + x.low],
        input[row.starts.y + x.high],
    );
    let weight_y = row.slope * across(x, position).xyxy;
    let weight_x = slope(x, position) * vec4<f32>(-1.0, 1.0, -1.0, 1.0) * row.across;
    return sums + vec4<f32>(
        dot(weight_y, select(vec4<f32>(0.0), near, weight_y != vec4<f32>(0.0))),
        dot(weight_x, select(vec4<f32>(0.0), near, weight_x != vec4<f32>(0.0))),
        select(0.0, 1.0, any(weight_y != vec4<f32>(0.0))),
        select(0.0, 1.0, any(weight_x != vec4<f32>(0.0))),
    );
}

@compute @workgroup_size(64)
fn roi_offset_terms(
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
    var element = mine.element;
    for (var channel = 0u; channel < mine.channels; channel++) {
        let sums = sum_up(bin, plane, lane);
        if lane % LANES == 0u {
            let grad = params.pooling.reach * bin.factor * grad_output[params.grad_output_first + element];
            let moved = grad * (sums.yx * vec2<f32>(bin.x.size, bin.y.size));
            // What does not count is 0, whatever it is multiplied with.
            let counted = select(vec2<f32>(0.0), moved, sums.wz > vec2<f32>(0.0));
            let at = params.output_first + element;
            terms[at] = select(vec2<f32>(0.0), terms[at], params.segment_first != 0u) + counted;
        }
        plane += next_pixel();
        element += next_element();
    }
}
