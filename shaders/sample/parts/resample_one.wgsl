// One tap along both axes, of weight 1 and not outside, and nothing within columns: sample/resample.wgsl. One invocation does four columns of RUN rows
// of the output.

// The rows of an invocation.
const RUN = 8u;

@group(0) @binding(2) var<storage, read> row_taps: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read> column_taps: array<vec2<u32>>;

fn resample_run(invocation: u32) {
    let by_column = divide(invocation, (params.columns + 3u) / 4u);
    let by_rows = divide(by_column.x, (params.rows + RUN - 1u) / RUN);
    if by_rows.x >= params.outer {
        return;
    }
    let column = 4u * by_column.y;
    // Those beyond the last do as the last.
    let at = params.column_taps_first + min(column + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.columns - 1u));
    let columns = vec4<u32>(column_taps[at.x].x, column_taps[at.y].x, column_taps[at.z].x, column_taps[at.w].x);
    let plane = params.input_first + by_rows.x * params.in_outer;
    let to = params.output_first + by_rows.x * params.rows * params.columns + column;
    var row = RUN * by_rows.y;
    let end = min(row + RUN, params.rows);
    loop {
        let values = four_inputs(plane + row_taps[params.row_taps_first + row].x * params.in_row + columns);
        store_four(to + row * params.columns, params.columns - column, values);
        row++;
        if row >= end {
            break;
        }
    }
}
