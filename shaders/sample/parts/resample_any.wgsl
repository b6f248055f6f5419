// Any number of taps along both axes: sample/resample.wgsl. One invocation does four elements of a row: columns and what is within.

const OUTSIDE = 0xffffffffu;

@group(0) @binding(2) var<storage, read> row_taps: array<u32>;
@group(0) @binding(3) var<storage, read> column_taps: array<u32>;

// The words of an entry with so many weights.
fn entry_words(weights: u32) -> u32 {
    return select(weights + 1u, 4u, weights == 2u);
}

// The element behind another of a row, each by its column and its place within, or else that one again where it is the last.
fn behind(place: vec2<u32>) -> vec2<u32> {
    let over = place.y + 1u == params.inner;
    let next = select(vec2<u32>(place.x, place.y + 1u), vec2<u32>(place.x + 1u, 0u), over);
    return select(next, place, next.x == params.columns);
}

fn four_of_columns(at: vec4<u32>) -> vec4<u32> {
    return vec4<u32>(column_taps[at.x], column_taps[at.y], column_taps[at.z], column_taps[at.w]);
}

fn resample_run(invocation: u32) {
    let row_elements = params.columns * params.inner;
    let item = divide(invocation, (row_elements + 3u) / 4u);
    let at = divide(item.x, params.rows);
    if at.x >= params.outer {
        return;
    }
    let place_0 = divide(4u * item.y, params.inner);
    let place_1 = behind(place_0);
    let place_2 = behind(place_1);
    let place_3 = behind(place_2);
    let columns = vec4<u32>(place_0.x, place_1.x, place_2.x, place_3.x);
    let within = vec4<u32>(place_0.y, place_1.y, place_2.y, place_3.y);

    let row_entry = params.row_taps_first + at.y * entry_words(params.row_count);
    let column_entries = params.column_taps_first + columns * entry_words(params.column_count);
    let first_row = row_taps[row_entry];
    let first_columns = four_of_columns(column_entries);
    let outside = (first_columns == vec4<u32>(OUTSIDE)) | vec4<bool>(first_row == OUTSIDE);
    let start = params.input_first + at.x * params.in_outer + first_row * params.in_row + first_columns * params.in_column + within;
    var sums = vec4<f32>(0.0);
    var x = 0u;
    loop {
        var sums_of_rows = vec4<f32>(0.0);
        var y = 0u;
        loop {
            let source = select(start + y * params.in_row + x * params.in_column, vec4<u32>(0u), outside);
            let values = four_inputs(source);
            let weight = bitcast<f32>(row_taps[row_entry + 1u + y]);
            sums_of_rows += select(vec4<f32>(0.0), weight * values, vec4<bool>(weight != 0.0));
            y++;
            if y >= params.row_count {
                break;
            }
        }
        let weights = bitcast<vec4<f32>>(four_of_columns(column_entries + 1u + x));
        sums += select(vec4<f32>(0.0), weights * sums_of_rows, weights != vec4<f32>(0.0));
        x++;
        if x >= params.column_count {
            break;
        }
    }
    sums = select(sums, vec4<f32>(params.outside), outside);

    let first = 4u * item.y;
    store_four(params.output_first + item.x * row_elements + first, row_elements - first, sums);
}
