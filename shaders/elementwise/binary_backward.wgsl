// The terms of a gradient of a function of two tensors, broadcast: output[i] = the function's derivative by one of them, at a[the place of i in a] and
// b[the place of i in b], times grad[the place of i in grad]
//
// a, b, grad, output as parts/broadcast.wgsl has it, grad in the place of c; the derivatives are declared in of_two/
// operand            by which the derivative is taken: 0 for a, 1 for b
// where accumulate is 1, the terms are added to what the output holds
// steps                   of the loop of the function, where it has one

struct Params {
    broadcast: Broadcast,
    operand: u32,
    accumulate: u32,
    steps: u32,
    a_first: u32,
    b_first: u32,
    grad_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> grad: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn binary_backward(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = row_and_first(workgroup, grid, lane, 4u);
    let row = item.x;
    if row >= params.broadcast.rows {
        return;
    }
    let starts = row_starts(row) + vec3<u32>(params.a_first, params.b_first, params.grad_first);
    let strides = column_strides();
    var i = item.y;
    loop {
        let places = starts + i * strides;
        let left = a[places.x];
        let right = b[places.y];
        let given = grad[places.z];
        let value = select(term_b(left, right, given), term_a(left, right, given), params.operand == 0u);
        let at = params.output_first + row * params.broadcast.extent_5 + i;
        output[at] = select(value, output[at] + value, params.accumulate != 0u);
        i++;
        if i >= min(item.y + 4u, params.broadcast.extent_5) {
            break;
        }
    }
}
