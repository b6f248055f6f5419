// A copy along up to six axes: output[i] = source[the place of i], or a constant outside the source
//
// output  `rows` rows of axis_5.extent elements, the rows along five axes, the last varying fastest
// source  an element lies at the sum of its places along the axes; where it is outside along one, it is `constant`
//
// Elements are words, or four words each (movement/parts/word.wgsl, movement/parts/four_words.wgsl). `place` is the distance along an axis, and
// 1 outside the source (movement/parts/place_inside.wgsl, movement/parts/place_outside.wgsl).
//
// One invocation does four elements of a row, a fourth of the row apart: finding the row takes longer than the elements do, and neighbours do
// neighbours.

struct Params {
    axis_0: CopyAxis,
    axis_1: CopyAxis,
    axis_2: CopyAxis,
    axis_3: CopyAxis,
    axis_4: CopyAxis,
    axis_5: CopyAxis,
    outside_0: u32,
    outside_1: u32,
    outside_2: u32,
    outside_3: u32,
    outside_4: u32,
    outside_5: u32,
    rows: u32,
    parts: u32,
    source_first: u32,
    output_first: u32,
    constant: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<Word>;
@group(0) @binding(2) var<storage, read_write> output: array<Word>;

// The place of a row: the sum over its axes.
fn row_place(row: u32) -> vec2<u32> {
    let by_4 = divide(row, params.axis_4.extent);
    let by_3 = divide(by_4.x, params.axis_3.extent);
    let by_2 = divide(by_3.x, params.axis_2.extent);
    let by_1 = divide(by_2.x, params.axis_1.extent);
    return place(params.axis_0, params.outside_0, by_1.x)
        + place(params.axis_1, params.outside_1, by_1.y)
        + place(params.axis_2, params.outside_2, by_2.y)
        + place(params.axis_3, params.outside_3, by_3.y)
        + place(params.axis_4, params.outside_4, by_4.y);
}

fn copy_element(row_at: vec2<u32>, output_row: u32, index: u32) {
    if index >= params.axis_5.extent {
        return;
    }
    let at = row_at + place(params.axis_5, params.outside_5, index);
    // Two stores: a value that is one or the other may pass through floating point, which changes the bits of a NaN.
    if at.y == 0u {
        output[output_row + index] = source[at.x];
    } else {
        output[output_row + index] = Word(params.constant);
    }
}

@compute @workgroup_size(64)
fn strided_copy(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.parts);
    let row = item.x;
    if row >= params.rows {
        return;
    }
    let row_at = vec2<u32>(params.source_first, 0u) + row_place(row);
    let output_row = params.output_first + row * params.axis_5.extent;
    copy_element(row_at, output_row, item.y);
    copy_element(row_at, output_row, item.y + params.parts);
    copy_element(row_at, output_row, item.y + 2u * params.parts);
    copy_element(row_at, output_row, item.y + 3u * params.parts);
}
