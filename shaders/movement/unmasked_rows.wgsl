// Rows where a mask is 0, and zeros elsewhere: output[row, column] = input[row, column], or 0
//
// mask          one for each row: bits of f32
// input, output (rows, columns); where accumulate is 1, it is added to what the output holds
//
// One invocation does one element.

struct Params {
    rows: u32,
    columns: u32,
    mask_first: u32,
    input_first: u32,
    output_first: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read> input: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn unmasked_rows(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + lane;
    if invocation >= params.rows * params.columns {
        return;
    }
    // Decided on bits: a mask of -0 is 0, and NaN is not.
    let masked = (mask[params.mask_first + divide(invocation, params.columns).x] << 1u) != 0u;
    let to = params.output_first + invocation;
    let value = select(input[params.input_first + invocation], 0.0, masked);
    output[to] = value + select(0.0, output[to], params.accumulate != 0u);
}
