// Planes less the mean of their group, over its standard deviation: output = (input - mean) / sqrt(variance + epsilon) * scale + shift
//
// input, output (planes, pixels), the planes of each image one behind another, from first_plane on
// statistics    (rows, 3): the elements of a group of per_group planes, their mean, and the sum of squares about it: reduce/parts/fold_moments.wgsl;
//               from first_row on
// scale, shift  (channels)
//
// A plane is cut into chunks of 4 * lanes pixels. A workgroup does `width` chunks, each by `lanes`, 64 / width, side by side.

struct Params {
    planes: u32,
    pixels: u32,
    chunks: u32,
    width: u32,
    lanes: u32,
    channels: u32,
    per_group: u32,
    first_plane: u32,
    first_row: u32,
    epsilon: f32,
    input_first: u32,
    statistics_first: u32,
    scale_first: u32,
    shift_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> statistics: array<u32>;
@group(0) @binding(3) var<storage, read> scale: array<f32>;
@group(0) @binding(4) var<storage, read> shift: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn group_norm(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let by_lane = divide(invocation, params.lanes);
    let number = linear_workgroup(workgroup, grid) * params.width + by_lane.x;
    if number >= params.planes * params.chunks {
        return;
    }
    let by_plane = divide(number, params.chunks);
    let plane = params.first_plane + by_plane.x;
    let of_row = params.statistics_first + 3u * (divide(plane, params.per_group).x - params.first_row);
    let channel = divide(plane, params.channels).y;
    let mean = bitcast<f32>(statistics[of_row + 1u]);
    let variance = bitcast<f32>(statistics[of_row + 2u]) / f32(statistics[of_row]);
    // A group that has NaN or infinity has no deviation; decided on bits.
    let spoilt = (bitcast<u32>(variance) & 0x7fffffffu) >= 0x7f800000u;
    let inverse = bitcast<f32>(select(bitcast<u32>(inverseSqrt(variance + params.epsilon)), 0x7fc00000u, spoilt));
    let by = scale[params.scale_first + channel];
    let plus = shift[params.shift_first + channel];
    let begin = by_plane.y * params.lanes * 4u;
    let end = min(begin + params.lanes * 4u, params.pixels);
    for (var at = begin + by_lane.y; at < end; at += params.lanes) {
        let element = by_plane.x * params.pixels + at;
        output[params.output_first + element] = (input[params.input_first + element] - mean) * inverse * by + plus;
    }
}
