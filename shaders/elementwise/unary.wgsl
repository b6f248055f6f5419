// A function of each element: output[i] = f(input[i])
//
// input, output `elements` elements
// low, high     the bounds of CLIP
//
// One invocation does one element.

const SIGMOID = 0u;
const TANH = 1u;
const CLIP = 2u;

struct Params {
    elements: u32,
    operation: u32,
    low: f32,
    high: f32,
    input_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn unary(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let element = linear_workgroup(workgroup, grid) * 64u + lane;
    if element >= params.elements {
        return;
    }
    let x = input[params.input_first + element];

    let raised = select(x, params.low, x < params.low);
    let clipped = select(raised, params.high, raised > params.high);

    // Computed all and chosen from without a branch: see matmul/parts/matmul.wgsl.
    let curved = exponential(x, params.operation == TANH);
    output[params.output_first + element] = select(curved, clipped, params.operation == CLIP);
}
