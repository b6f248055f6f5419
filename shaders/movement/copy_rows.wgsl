// Rows copied from one stride to another: destination[row, column] = source[row, column], whatever the bits mean
//
// source, destination `rows` rows of `columns` words, source_row and destination_row apart
// where accumulate is 1, both are f32, and the source is added to what the destination holds
//
// One invocation copies one word.

struct Params {
    rows: u32,
    columns: u32,
    source_row: u32,
    source_first: u32,
    destination_row: u32,
    destination_first: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> destination: array<u32>;

@compute @workgroup_size(64)
fn copy_rows(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + lane;
    if invocation >= params.rows * params.columns {
        return;
    }
    let at = divide(invocation, params.columns);
    let word = source[params.source_first + at.x * params.source_row + at.y];
    let address = params.destination_first + at.x * params.destination_row + at.y;
    // Two stores: a value that is one or the other may pass through floating point, which changes the bits of a NaN.
    if params.accumulate != 0u {
        destination[address] = bitcast<u32>(bitcast<f32>(destination[address]) + bitcast<f32>(word));
    } else {
        destination[address] = word;
    }
}
