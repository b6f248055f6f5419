// Sums of segments of planes: output[plane, segment] = scale * the sum of input[plane, segment * length ..], length elements or what is left
//
// input  (planes, pixels)
// output (planes, segments)
// scale  bits of f32
//
// One workgroup does one segment: each invocation every 64th element, and then a tree.

struct Params {
    planes: u32,
    pixels: u32,
    segments: u32,
    length: u32,
    scale: u32,
    input_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn segment_sums(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = linear_workgroup(workgroup, grid);
    // Uniform over the workgroup.
    if index >= params.planes * params.segments {
        return;
    }
    let at = divide(index, params.segments);
    let start = at.y * params.length;
    let end = min(start + params.length, params.pixels);
    let plane = params.input_first + at.x * params.pixels;

    var sum = 0.0;
    for (var pixel = start + lane; pixel < end; pixel += 64u) {
        sum += input[plane + pixel];
    }
    sums[lane] = sum;
    for (var reach = 32u; reach > 0u; reach /= 2u) {
        workgroupBarrier();
        if lane < reach {
            sums[lane] += sums[lane + reach];
        }
    }
    if lane == 0u {
        output[params.output_first + index] = bitcast<f32>(params.scale) * sums[0];
    }
}
