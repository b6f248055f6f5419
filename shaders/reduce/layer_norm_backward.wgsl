// The gradient of normalised rows by their elements: with normal = (input - mean) / sqrt(variance + epsilon) and grad = grad_output * scale,
// grad_input = (grad - mean of grad - normal * mean of (grad * normal)) / sqrt(variance + epsilon), means over the row
//
// input, grad_output, grad_input rows, or a range of each: reduce/parts/rows.wgsl
// scale                          of each element of a row; 1 where scaled is 0
// statistics                     (rows, 2): mean and variance of a row
// means                          (rows, 2): those of grad and grad * normal; four elements that are not used where one dispatch finds and uses
//                                them
//
// Where finds is 1, the means are found, where rows.continues is 1 by adding to what is held; reciprocal is that of the elements of a row. Where
// writes is 1, the gradient is written, or, where accumulate is 1, added to what grad_input holds; else what was found is.

struct Params {
    rows: Rows,
    finds: u32,
    writes: u32,
    accumulate: u32,
    reciprocal: f32,
    epsilon: f32,
    scaled: u32,
    input_first: u32,
    scale_first: u32,
    grad_output_first: u32,
    statistics_first: u32,
    means_first: u32,
    grad_input_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> grad_output: array<f32>;
@group(0) @binding(4) var<storage, read> statistics: array<f32>;
@group(0) @binding(5) var<storage, read_write> means: array<f32>;
@group(0) @binding(6) var<storage, read_write> grad_input: array<f32>;

// The gradient by an element of the normalised row.
fn gradient_of(element: u32, at: u32) -> f32 {
    let scaled = params.scaled != 0u;
    let by = scale[select(0u, params.scale_first + at, scaled)];
    return grad_output[params.grad_output_first + element] * select(1.0, by, scaled);
}

@compute @workgroup_size(64)
fn layer_norm_backward(
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
    let of_row = params.statistics_first + 2u * select(0u, row.number, row.inside);
    let mean = statistics[of_row];
    let inverse = inverseSqrt(statistics[of_row + 1u] + params.epsilon);
    let finds = params.finds != 0u;
    let writes = params.writes != 0u;
    let holds = row.inside & !(finds & writes);
    let at_row = select(0u, params.means_first + 2u * row.number, holds);
    let held = vec2<f32>(means[at_row], means[at_row + 1u]);

    var mine = vec2<f32>(0.0, 0.0);
    let end_of_means = end_of(row, params.finds);
    for (var at = row.lane; at < end_of_means; at += params.rows.lanes) {
        let element = element_of(row, at);
        let normal = (input[params.input_first + element] - mean) * inverse;
        mine += gradient_of(element, at) * vec2<f32>(1.0, normal);
    }
    let found = row_sums(row, mine) * params.reciprocal;
    let both = select(held, select(found, held + found, params.rows.continues != 0u), finds);
    if holds & !writes & (row.lane == 0u) {
        means[at_row] = both.x;
        means[at_row + 1u] = both.y;
    }

    let end = end_of(row, params.writes);
    for (var at = row.lane; at < end; at += params.rows.lanes) {
        let element = element_of(row, at);
        let normal = (input[params.input_first + element] - mean) * inverse;
        let gradient = inverse * (gradient_of(element, at) - both.x - normal * both.y);
        let to = params.grad_input_first + element;
        grad_input[to] = select(gradient, grad_input[to] + gradient, params.accumulate != 0u);
    }
}
