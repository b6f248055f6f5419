// Elements of a tensor by indices: output[i] = data[the place of i, at its index], or 0 where a part of the index is beyond its axis
//
// data     an element lies at the sum, over six axes, of its index times the stride, and of the parts of its index times their strides
// indices  the parts of an index lie side by side, from the sum, over six axes, of its index times the stride on; a negative part counts from the
//          end of its axis
// output   `rows` rows of extent_5 elements, the rows along five axes, the last varying fastest
//
// Elements of data and output are words, or four words each (movement/parts/word.wgsl, movement/parts/four_words.wgsl).
//
// One invocation does four elements of a row, a fourth of the row apart.

struct Params {
    rows: u32,
    columns: u32,
    parts: u32,
    depth: u32,
    extent_1: u32,
    extent_2: u32,
    extent_3: u32,
    extent_4: u32,
    data_stride_0: u32,
    data_stride_1: u32,
    data_stride_2: u32,
    data_stride_3: u32,
    data_stride_4: u32,
    data_stride_5: u32,
    index_stride_0: u32,
    index_stride_1: u32,
    index_stride_2: u32,
    index_stride_3: u32,
    index_stride_4: u32,
    index_stride_5: u32,
    part_extent_0: u32,
    part_extent_1: u32,
    part_extent_2: u32,
    part_extent_3: u32,
    part_extent_4: u32,
    part_extent_5: u32,
    part_stride_0: u32,
    part_stride_1: u32,
    part_stride_2: u32,
    part_stride_3: u32,
    part_stride_4: u32,
    part_stride_5: u32,
    data_first: u32,
    index_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> data: array<Word>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<Word>;

// Where a row starts in the data and in the indices.
fn row_starts(row: u32) -> vec2<u32> {
    let by_4 = divide(row, params.extent_4);
    let by_3 = divide(by_4.x, params.extent_3);
    let by_2 = divide(by_3.x, params.extent_2);
    let by_1 = divide(by_2.x, params.extent_1);
    return vec2<u32>(params.data_first, params.index_first)
        + by_1.x * vec2<u32>(params.data_stride_0, params.index_stride_0)
        + by_1.y * vec2<u32>(params.data_stride_1, params.index_stride_1)
        + by_2.y * vec2<u32>(params.data_stride_2, params.index_stride_2)
        + by_3.y * vec2<u32>(params.data_stride_3, params.index_stride_3)
        + by_4.y * vec2<u32>(params.data_stride_4, params.index_stride_4);
}

// The distance of a part of an index in the data, and 1 where it is beyond its axis.
fn place(part: u32, extent: u32, stride: u32) -> vec2<u32> {
    let negative = part >= 0x80000000u;
    let beyond = select(part >= extent, 0u - part > extent, negative);
    let position = select(part, extent + part, negative);
    return vec2<u32>(select(position, 0u, beyond) * stride, u32(beyond));
}

// The place of an index, whose parts lie from `at` on.
fn index_place(at: u32) -> vec2<u32> {
    var all = place(indices[at], params.part_extent_0, params.part_stride_0);
    if params.depth > 1u {
        all += place(indices[at + 1u], params.part_extent_1, params.part_stride_1);
    }
    if params.depth > 2u {
        all += place(indices[at + 2u], params.part_extent_2, params.part_stride_2);
    }
    if params.depth > 3u {
        all += place(indices[at + 3u], params.part_extent_3, params.part_stride_3);
    }
    if params.depth > 4u {
        all += place(indices[at + 4u], params.part_extent_4, params.part_stride_4);
    }
    if params.depth > 5u {
        all += place(indices[at + 5u], params.part_extent_5, params.part_stride_5);
    }
    return all;
}

fn gather_element(row: vec2<u32>, output_row: u32, column: u32) {
    if column >= params.columns {
        return;
    }
    let named = index_place(row.y + column * params.index_stride_5);
    // Two stores: a value that is one or the other may pass through floating point, which changes the bits of a NaN.
    if named.y == 0u {
        output[output_row + column] = data[row.x + column * params.data_stride_5 + named.x];
    } else {
        output[output_row + column] = Word(0u);
    }
}

@compute @workgroup_size(64)
fn gather(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.parts);
    if item.x >= params.rows {
        return;
    }
    let row = row_starts(item.x);
    let output_row = params.output_first + item.x * params.columns;
    gather_element(row, output_row, item.y);
    gather_element(row, output_row, item.y + params.parts);
    gather_element(row, output_row, item.y + 2u * params.parts);
    gather_element(row, output_row, item.y + 3u * params.parts);
}
