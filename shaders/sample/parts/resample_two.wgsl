// Two taps along both axes, none of them outside, and nothing within columns: sample/resample.wgsl. One invocation does four columns of RUN rows of the
// output: what is interpolated along a row of the input serves all rows that lie beside it.

// The rows of an invocation.
const RUN = 8u;

// Four columns of the output: where their left taps lie in a row, and the weights of both.
struct Columns {
    first: vec4<u32>,
    left: vec4<f32>,
    right: vec4<f32>,
}

fn four_of_columns(at: vec4<u32>) -> vec4<u32> {
    return vec4<u32>(column_taps[at.x], column_taps[at.y], column_taps[at.z], column_taps[at.w]);
}

// A term, unless its weight is 0.
fn weighted(weight: vec4<f32>, value: vec4<f32>) -> vec4<f32> {
    return select(vec4<f32>(0.0), weight * value, weight != vec4<f32>(0.0));
}

// A row of the input, interpolated at the columns.
fn along_row(start: u32, columns: Columns) -> vec4<f32> {
    let at = start + columns.first;
    let left = vec4<f32>(input[at.x], input[at.y], input[at.z], input[at.w]);
    let right = vec4<f32>(input[at.x + 1u], input[at.y + 1u], input[at.z + 1u], input[at.w + 1u]);
    return weighted(columns.left, left) + weighted(columns.right, right);
}

fn resample_run(invocation: u32) {
    let by_column = divide(invocation, (params.columns + 3u) / 4u);
    let by_rows = divide(by_column.x, (params.rows + RUN - 1u) / RUN);
    if by_rows.x >= params.outer {
        return;
    }
    let column = 4u * by_column.y;
    // Columns beyond the last do as the last.
    let entries = params.column_taps_first + 3u * min(column + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.columns - 1u));
    let columns = Columns(
        four_of_columns(entries),
        bitcast<vec4<f32>>(four_of_columns(entries + 1u)),
        bitcast<vec4<f32>>(four_of_columns(entries + 2u)),
    );

    let plane = params.input_first + by_rows.x * params.in_outer;
    let to = params.output_first + by_rows.x * params.rows * params.columns + column;
    var row = RUN * by_rows.y;
    let end = min(row + RUN, params.rows);
    var above = row_taps[params.row_taps_first + 3u * row];
    // The row of the input that `lower` is of. Each iteration goes to the next one, so that no row is interpolated in a branch, both sides of
    // which an adapter may do.
    var held = above;
    var lower = along_row(plane + held * params.in_row, columns);
    loop {
        let upper = lower;
        held++;
        lower = along_row(plane + held * params.in_row, columns);
        while (row < end) & (above + 1u == held) {
            let entry = params.row_taps_first + 3u * row;
            let weights = bitcast<vec2<f32>>(vec2<u32>(row_taps[entry + 1u], row_taps[entry + 2u]));
            let sums = weighted(vec4<f32>(weights.x), upper) + weighted(vec4<f32>(weights.y), lower);
            store_four(to + row * params.columns, params.columns - column, sums);
            row++;
            above = row_taps[params.row_taps_first + 3u * min(row, end - 1u)];
        }
        if row >= end {
            break;
        }
        // Rows that no element of the output takes are left out.
        held = select(above - 1u, held, above == held);
    }
}
