// The gradient of a function of each element: grad_input[i] = f'(input[i]) * grad_output[i]
//
// input, grad_output, grad_input `elements` elements
// low, high                      the bounds of CLIP
// where accumulate is 1, the gradient is added to what grad_input holds
//
// CLIP has the derivative 1 on its bounds, RELU 0 at 0. Both have 0 where the input is NaN, the others NaN.
// To within a few units in the last place, and what rounding the argument makes of it; derivatives below 1e-37 may be 0.
// One invocation does one element.

const SIGMOID = 0u;
const TANH = 1u;
const CLIP = 2u;
const RELU = 3u;

struct Params {
    elements: u32,
    operation: u32,
    low: f32,
    high: f32,
    accumulate: u32,
    input_first: u32,
    grad_output_first: u32,
    grad_input_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> grad_output: array<f32>;
@group(0) @binding(3) var<storage, read_write> grad_input: array<f32>;

@compute @workgroup_size(64)
fn unary_backward(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let element = linear_workgroup(workgroup, grid) * 64u + lane;
    if element >= params.elements {
        return;
    }
    let x = input[params.input_first + element];
    let grad = grad_output[params.grad_output_first + element];

    // As in shared/exponential.wgsl; sigmoid's derivative at y is e / (1 + e)^2 where e = exp(-|y|), and tanh's at y / 2 four times that.
    let argument = abs(x) * select(1.0, 2.0, params.operation == TANH);
    let decay = select(exp(-argument), 0.0, argument > 87.0);
    let slope = select(1.0, 4.0, params.operation == TANH) * decay / ((1.0 + decay) * (1.0 + decay));
    let between = (x >= params.low) & (x <= params.high);
    let passes = select(between, x > 0.0, params.operation == RELU);

    // Computed all and chosen from without a branch: see matmul/parts/matmul.wgsl.
    let exponential = (params.operation == SIGMOID) | (params.operation == TANH);
    let gradient = select(select(0.0, grad, passes), slope * grad, exponential);
    let at = params.grad_input_first + element;
    grad_input[at] = select(gradient, grad_input[at] + gradient, params.accumulate != 0u);
}
