// Planes resampled along rows and columns: output[n, y, x, i] = sum over the taps of y and of x of their weights * input[n, row, column, i]
//
// input    (outer, rows, columns, inner), bound from the first row and column on that the dispatch reads
// row_taps, column_taps
//          for each row and column of the output an entry of row_words, column_words words: the first row or column of the input, how many there
//          are, and the bits of their weights. What has none lies outside, and is `outside`
// output   (outer, rows, columns, inner): all that the dispatch does, one behind another
//
// What has weight 0 does not count. One invocation does four elements of a row: columns and what is within.

struct Params {
    outer: u32,
    rows: u32,
    columns: u32,
    inner: u32,
    in_outer: u32,
    in_row: u32,
    in_column: u32,
    row_words: u32,
    column_words: u32,
    outside: f32,
    input_first: u32,
    row_taps_first: u32,
    column_taps_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> row_taps: array<u32>;
@group(0) @binding(3) var<storage, read> column_taps: array<u32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// The sum over the taps of a row and a column; plane and entries by their addresses.
fn sampled(plane: u32, row: u32, column: u32) -> f32 {
    let rows = row_taps[row + 1u];
    let columns = column_taps[column + 1u];
    let first = plane + column_taps[column] * params.in_column;
    var at_row = first + row_taps[row] * params.in_row;
    var sum = 0.0;
    for (var y = 0u; y < rows; y++) {
        var of_row = 0.0;
        var at = at_row;
        for (var x = 0u; x < columns; x++) {
            let weight = bitcast<f32>(column_taps[column + 2u + x]);
            of_row += select(0.0, weight * input[at], weight != 0.0);
            at += params.in_column;
        }
        let weight = bitcast<f32>(row_taps[row + 2u + y]);
        sum += select(0.0, weight * of_row, weight != 0.0);
        at_row += params.in_row;
    }
    return select(sum, params.outside, rows == 0u || columns == 0u);
}

@compute @workgroup_size(64)
fn resample(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row_elements = params.columns * params.inner;
    let item = divide(linear_workgroup(workgroup, grid) * 64u + lane, (row_elements + 3u) / 4u);
    let at = divide(item.x, params.rows);
    if at.x >= params.outer {
        return;
    }
    let row = params.row_taps_first + at.y * params.row_words;
    let plane = params.input_first + at.x * params.in_outer;
    let first = 4u * item.y;
    var place = divide(first, params.inner);
    for (var element = first; element < min(first + 4u, row_elements); element++) {
        let column = params.column_taps_first + place.x * params.column_words;
        output[params.output_first + item.x * row_elements + element] = sampled(plane + place.y, row, column);
        let over = place.y + 1u == params.inner;
        place = select(vec2<u32>(place.x, place.y + 1u), vec2<u32>(place.x + 1u, 0u), over);
    }
}
