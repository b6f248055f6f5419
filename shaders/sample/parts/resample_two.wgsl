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

@group(0) @binding(2) var<storage, read> row_taps: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> column_taps: array<vec4<u32>>;

// Four columns from one on; those beyond the last do as the last.
fn columns_from(column: u32) -> Columns {
    let at = params.column_taps_first + min(column + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.columns - 1u));
    let a = column_taps[at.x];
    let b = column_taps[at.y];
    let c = column_taps[at.z];
    let d = column_taps[at.w];
    return Columns(
        vec4<u32>(a.x, b.x, c.x, d.x),
        bitcast<vec4<f32>>(vec4<u32>(a.y, b.y, c.y, d.y)),
        bitcast<vec4<f32>>(vec4<u32>(a.z, b.z, c.z, d.z)),
    );
}

// A term, unless its weight is 0.
fn weighted(weight: vec4<f32>, value: vec4<f32>) -> vec4<f32> {
    return select(vec4<f32>(0.0), weight * value, weight != vec4<f32>(0.0));
}

// A row of the input, interpolated at the columns.
fn along_row(start: u32, columns: Columns) -> vec4<f32> {
    let at = start + columns.first;
    return weighted(columns.left, four_inputs(at)) + weighted(columns.right, four_inputs(at + 1u));
}

fn resample_run(invocation: u32) {
    let by_column = divide(invocation, (params.columns + 3u) / 4u);
    let by_rows = divide(by_column.x, (params.rows + RUN - 1u) / RUN);
    if by_rows.x >= params.outer {
        return;
    }
    let column = 4u * by_column.y;
    let columns = columns_from(column);
    let plane = params.input_first + by_rows.x * params.in_outer;
    let to = params.output_first + by_rows.x * params.rows * params.columns + column;
    var row = RUN * by_rows.y;
    let end = min(row + RUN, params.rows);
    var taps = row_taps[params.row_taps_first + row];
    // The row of the input that `lower` is of. Each iteration goes to the next one, so that no row is interpolated in a branch, both sides of
    // which an adapter may do.
    var held = taps.x;
    var lower = along_row(plane + held * params.in_row, columns);
    loop {
        let upper = lower;
        held++;
        lower = along_row(plane + held * params.in_row, columns);
        while (row < end) & (taps.x + 1u == held) {
            let weights = bitcast<vec2<f32>>(taps.yz);
            let sums = weighted(vec4<f32>(weights.x), upper) + weighted(vec4<f32>(weights.y), lower);
            store_four(to + row * params.columns, params.columns - column, sums);
            row++;
            taps = row_taps[params.row_taps_first + min(row, end - 1u)];
        }
        if row >= end {
            break;
        }
        // Rows that no element of the output takes are left out.
        held = select(taps.x - 1u, held, taps.x == held);
    }
}
