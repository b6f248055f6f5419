// Elements of a tensor by indices: output[i] = data[the place of i, at its index], or 0 where a part of the index is beyond its axis
//
// data     the elements with places below `window`: those of other places are gathered by other dispatches, which bind them
// indices  movement/parts/indexing.wgsl
// output   `rows` rows of extent_5 elements, the rows along the other five axes, the last varying fastest
//
// Elements of data and output are words, or four words each (movement/parts/word.wgsl, movement/parts/four_words.wgsl). The 0s are written where
// `fills` is 1.
//
// One invocation does four elements of a row, a fourth of the row apart. Whether each has an index of its own is the variant's
// (movement/gather/of_elements.wgsl, movement/gather/of_rows.wgsl).

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

fn gather_element(row: vec2<u32>, of_row: vec2<u32>, output_row: u32, column: u32) {
    if column >= params.indexing.extent_5 {
        return;
    }
    let named = element_index(of_row, row.y + column * params.indexing.index_stride_5);
    let place = row.x + column * params.indexing.data_stride_5 + named.x;
    let inside = (named.y == 0u) & (place < params.window);
    if inside | ((named.y != 0u) & (params.fills != 0u)) {
        // A mask, and no choice of one of two values, which may pass through floating point and change the bits of a NaN.
        output[output_row + column] = data[params.data_first + select(0u, place, inside)] & Word(select(0u, 0xffffffffu, inside));
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
    let row = row_places(item.x);
    let of_row = row_index(row.y);
    let output_row = params.output_first + item.x * params.indexing.extent_5;
    gather_element(row, of_row, output_row, item.y);
    gather_element(row, of_row, output_row, item.y + params.parts);
    gather_element(row, of_row, output_row, item.y + 2u * params.parts);
    gather_element(row, of_row, output_row, item.y + 3u * params.parts);
}
