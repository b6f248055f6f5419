// A function of each element: output[i] = f(input[i])
//
// input, output `elements` elements
// low, high     the bounds of CLIP, bits of f32
//
// To within a few units in the last place, and what rounding the argument makes of it; results below the least normal f32 may be 0.
// One invocation does one element.

const SIGMOID = 0u;
const TANH = 1u;
const CLIP = 2u;

struct Params {
    elements: u32,
    operation: u32,
    low: u32,
    high: u32,
    input_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

// tanh near 0, where the quotient of exponentials cancels: Cephes' polynomial for |x| < 0.625.
fn tanh_near_zero(x: f32) -> f32 {
    let z = x * x;
    let series = (((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z - 3.33332819422e-1;
    return series * z * x + x;
}

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

    // Of a negative argument, so that nothing overflows, and 0 where it would be no normal number.
    let argument = abs(x) * select(1.0, 2.0, params.operation == TANH);
    let decay = select(exp(-argument), 0.0, argument > 87.0);
    let sigmoid = select(decay, 1.0, x >= 0.0) / (1.0 + decay);
    let far = (1.0 - decay) / (1.0 + decay);
    let tanh = select(select(far, -far, x < 0.0), tanh_near_zero(x), abs(x) < 0.625);
    let low = bitcast<f32>(params.low);
    let high = bitcast<f32>(params.high);
    let raised = select(x, low, x < low);
    let clipped = select(raised, high, raised > high);

    // Computed all and chosen from without a branch: see shared/matmul.wgsl.
    let exponential = select(sigmoid, tanh, params.operation == TANH);
    output[params.output_first + element] = select(exponential, clipped, params.operation == CLIP);
}
