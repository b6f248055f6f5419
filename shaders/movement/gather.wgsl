// Elements of a tensor by indices: output[i] = data[the place of i, at its index], or 0 where a part of the index is beyond its axis
//
// data     the elements with places below `window`: those of other places are gathered by other dispatches, which bind them
// indices  movement/parts/indexing.wgsl
// output   `rows` rows of extent_5 elements, the rows along the other five axes, the last varying fastest
//
// Elements of data and output are words, or four words each (movement/parts/word.wgsl, movement/parts/four_words.wgsl). The 0s are written where
// `fills` is 1.
//
// One invocation does four elements of a row, a fourth of the row apart.

struct Params {
    indexing: Indexing,
    rows: u32,
    parts: u32,
    window: u32,
    fills: u32,
    data_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> data: array<Word>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<Word>;

fn gather_element(row: vec2<u32>, output_row: u32, column: u32) {
    if column >= params.indexing.extent_5 {
        return;
    }
    let named = index_place(row.y + column * params.indexing.index_stride_5);
    let place = row.x + column * params.indexing.data_stride_5 + named.x;
    // Two stores: a value that is one or the other may pass through floating point, which changes the bits of a NaN.
    if (named.y == 0u) & (place < params.window) {
        output[output_row + column] = data[params.data_first + place];
    } else if (named.y != 0u) & (params.fills != 0u) {
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
    let output_row = params.output_first + item.x * params.indexing.extent_5;
    gather_element(row, output_row, item.y);
    gather_element(row, output_row, item.y + params.parts);
    gather_element(row, output_row, item.y + 2u * params.parts);
    gather_element(row, output_row, item.y + 3u * params.parts);
}
