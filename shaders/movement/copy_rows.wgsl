// Rows copied from one stride to another: destination[row, column] = source[row, column], whatever the bits mean
//
// source, destination `rows` rows of `columns` elements, source_row and destination_row apart; an element is a word or four: parts/row_1.wgsl,
//                     parts/row_4.wgsl
// where accumulate is 1, both are f32, and the source is added to what the destination holds
//
// One invocation copies up to four elements of a row: finding the row takes longer than they do.

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
@group(0) @binding(1) var<storage, read> source: array<Word>;
@group(0) @binding(2) var<storage, read_write> destination: array<Word>;

@compute @workgroup_size(64)
fn copy_rows(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = divide(linear_workgroup(workgroup, grid) * 64u + lane, (params.columns + 3u) / 4u);
    if at.x >= params.rows {
        return;
    }
    let source_at = params.source_first + at.x * params.source_row;
    let destination_at = params.destination_first + at.x * params.destination_row;
    var column = 4u * at.y;
    loop {
        store(destination_at + column, source[source_at + column]);
        column++;
        if column >= min(4u * at.y + 4u, params.columns) {
            break;
        }
    }
}
