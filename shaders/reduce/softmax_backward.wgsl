// The gradient of a softmax of rows: grad_input = softmax * (grad_output - the sum of grad_output * softmax over the row);
// where logarithm is 1, of its logarithm: grad_input = grad_output - softmax * the sum of grad_output over the row
//
// input, grad_output, grad_input rows of (planes, extent, columns), or a range of each: reduce/parts/rows.wgsl
// statistics                     of each row: reduce/parts/softmax.wgsl
// where finds is 1, statistics are found; where writes is 1, the gradient is written, or, where accumulate is 1, added to what grad_input holds

struct Params {
    rows: Rows,
    finds: u32,
    writes: u32,
    logarithm: u32,
    accumulate: u32,
    input_first: u32,
    statistics_first: u32,
    grad_output_first: u32,
    grad_input_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> grad_output: array<f32>;
@group(0) @binding(4) var<storage, read_write> grad_input: array<f32>;

fn gradient_of(element: u32) -> f32 {
    return grad_output[params.grad_output_first + element];
}

@compute @workgroup_size(64)
fn softmax_backward(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let index = linear_workgroup(workgroup, grid);
    // Uniform over the workgroup.
    if !has_rows(index) {
        return;
    }
    let row = row_of(index, invocation);
    let all = statistics_of(row);
    let mean = all.z / all.y;
    let end = end_of(row, params.writes);
    for (var at = row.lane; at < end; at += params.rows.lanes) {
        let element = element_of(row, at);
        let softmax = softmax_of(element, all);
        let grad = gradient_of(element);
        let gradient = select(softmax * (grad - mean), grad - softmax * all.z, params.logarithm != 0u);
        let to = params.grad_input_first + element;
        grad_input[to] = select(gradient, grad_input[to] + gradient, params.accumulate != 0u);
    }
}
