// The gradient of a function of each element: grad_input[i] = gradient(input[i], grad_output[i]), the derivative times grad_output[i]
//
// input, grad_output, grad_input `elements` elements
// alpha, beta, gamma             attributes of the function, which is declared in of_one/
// where accumulate is 1, the gradient is added to what grad_input holds
//
// One invocation does one element.

struct Params {
    elements: u32,
    alpha: f32,
    beta: f32,
    gamma: f32,
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
    let value = gradient(input[params.input_first + element], grad_output[params.grad_output_first + element]);
    let at = params.grad_input_first + element;
    grad_input[at] = select(value, grad_input[at] + value, params.accumulate != 0u);
}
