// Rows less their mean, over their standard deviation: output = (input - mean) / sqrt(variance + epsilon) * factor + shift
//
// input, output rows, or a range of each: reduce/parts/rows.wgsl
// factor        of each element of a row, those of the next row `factor_row` elements behind; 1 where scaled is 0
// shift         of each element of a row; 0 where shifted is 0
// statistics    (rows, 2): the mean of a row, and the mean of squares about it; four elements that are not used where one dispatch finds and
//               uses them
//
// Where finds_mean and finds_variance are 1, either is found, where rows.continues is 1 by adding to what is held; reciprocal is that of the elements
// of a row. Where writes is 1, the output is written, and else what was found.

struct Params {
    rows: Rows,
    finds_mean: u32,
    finds_variance: u32,
    writes: u32,
    reciprocal: f32,
    epsilon: f32,
    scaled: u32,
    shifted: u32,
    factor_row: u32,
    input_first: u32,
    factor_first: u32,
    shift_first: u32,
    statistics_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> factor: array<f32>;
@group(0) @binding(3) var<storage, read> shift: array<f32>;
@group(0) @binding(4) var<storage, read_write> statistics: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn layer_norm(
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
    let finds_mean = params.finds_mean != 0u;
    let finds_variance = params.finds_variance != 0u;
    let continues = params.rows.continues != 0u;
    let writes = params.writes != 0u;
    let holds = row.inside & !(finds_mean & finds_variance & writes);
    let at_row = select(0u, params.statistics_first + 2u * row.number, holds);
    let held = vec2<f32>(statistics[at_row], statistics[at_row + 1u]);

    var sum = 0.0;
    let end_of_mean = end_of(row, params.finds_mean);
    for (var at = row.lane; at < end_of_mean; at += params.rows.lanes) {
        sum += input[params.input_first + element_of(row, at)];
    }
    let of_mean = row_sums(row, vec2<f32>(sum, 0.0)).x * params.reciprocal;
    let mean = select(held.x, select(of_mean, held.x + of_mean, continues), finds_mean);

    var squares = 0.0;
    let end_of_variance = end_of(row, params.finds_variance);
    for (var at = row.lane; at < end_of_variance; at += params.rows.lanes) {
        let apart = input[params.input_first + element_of(row, at)] - mean;
        squares += apart * apart;
    }
    let of_variance = row_sums(row, vec2<f32>(squares, 0.0)).x * params.reciprocal;
    let variance = select(held.y, select(of_variance, held.y + of_variance, continues), finds_variance);
    if holds & !writes & (row.lane == 0u) {
        statistics[at_row] = mean;
        statistics[at_row + 1u] = variance;
    }

    let inverse = inverseSqrt(variance + params.epsilon);
    let scaled = params.scaled != 0u;
    let shifted = params.shifted != 0u;
    let end = end_of(row, params.writes);
    for (var at = row.lane; at < end; at += params.rows.lanes) {
        let element = element_of(row, at);
        let normal = (input[params.input_first + element] - mean) * inverse;
        let by = factor[select(0u, params.factor_first + row.number * params.factor_row + at, scaled)];
        let plus = shift[select(0u, params.shift_first + at, shifted)];
        output[params.output_first + element] = normal * select(1.0, by, scaled) + select(0.0, plus, shifted);
    }
}
