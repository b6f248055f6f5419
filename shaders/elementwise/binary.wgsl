// A function of two tensors, broadcast: output[i] = scale * f(a[the place of i in a], b[the place of i in b])
//
// output `rows` rows of extent_5 elements, the rows along five axes, the last varying fastest
// a, b   an element lies at the sum, over the axes, of its index times the stride: 0 where an axis is repeated
// where accumulate is 1, the function is added to what the output holds
//
// One invocation does four elements of a row: finding the row takes longer than the elements do.

const ADD = 0u;
const MUL = 1u;
const FIRST = 2u;

struct Params {
    rows: u32,
    operation: u32,
    scale: f32,
    accumulate: u32,
    extent_1: u32,
    extent_2: u32,
    extent_3: u32,
    extent_4: u32,
    extent_5: u32,
    a_stride_0: u32,
    a_stride_1: u32,
    a_stride_2: u32,
    a_stride_3: u32,
    a_stride_4: u32,
    a_stride_5: u32,
    b_stride_0: u32,
    b_stride_1: u32,
    b_stride_2: u32,
    b_stride_3: u32,
    b_stride_4: u32,
    b_stride_5: u32,
    a_first: u32,
    b_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

// Where a row starts in a and in b.
fn row_starts(row: u32) -> vec2<u32> {
    let by_4 = divide(row, params.extent_4);
    let by_3 = divide(by_4.x, params.extent_3);
    let by_2 = divide(by_3.x, params.extent_2);
    let by_1 = divide(by_2.x, params.extent_1);
    return vec2<u32>(params.a_first, params.b_first)
        + by_1.x * vec2<u32>(params.a_stride_0, params.b_stride_0)
        + by_1.y * vec2<u32>(params.a_stride_1, params.b_stride_1)
        + by_2.y * vec2<u32>(params.a_stride_2, params.b_stride_2)
        + by_3.y * vec2<u32>(params.a_stride_3, params.b_stride_3)
        + by_4.y * vec2<u32>(params.a_stride_4, params.b_stride_4);
}

@compute @workgroup_size(64)
fn binary(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = divide(linear_workgroup(workgroup, grid) * 64u + lane, (params.extent_5 + 3u) / 4u);
    let row = item.x;
    if row >= params.rows {
        return;
    }
    let starts = row_starts(row);
    let first = 4u * item.y;
    for (var i = first; i < min(first + 4u, params.extent_5); i++) {
        let left = a[starts.x + i * params.a_stride_5];
        let right = b[starts.y + i * params.b_stride_5];
        let function = select(select(left + right, left * right, params.operation == MUL), left, params.operation == FIRST);
        let value = params.scale * function;
        let at = params.output_first + row * params.extent_5 + i;
        output[at] = select(value, output[at] + value, params.accumulate != 0u);
    }
}
