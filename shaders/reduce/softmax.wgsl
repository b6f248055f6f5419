// The softmax of rows: output = exp(input - largest) / sum, where sum is that of exp(input - largest) over the row
//
// input, output rows of (planes, extent, columns), or a range of each: reduce/parts/rows.wgsl
// statistics    of each row: reduce/parts/softmax.wgsl
// where finds is 1, statistics are found; where writes is 1, the output is written, or, where logarithm is 1, its logarithm

struct Params {
    rows: Rows,
    finds: u32,
    writes: u32,
    logarithm: u32,
    input_first: u32,
    statistics_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

fn gradient_of(element: u32) -> f32 {
    return 0.0;
}

@compute @workgroup_size(64)
fn softmax(
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
    let end = end_of(row, params.writes);
    for (var at = row.lane; at < end; at += params.rows.lanes) {
        let element = element_of(row, at);
        output[params.output_first + element] = select(softmax_of(element, all), log_softmax_of(element, all), params.logarithm != 0u);
    }
}
