// Stores of products by subgroups, element by element.
@group(0) @binding(4) var<storage, read_write> output: array<Stored>;

alias Stored = f32;

// No offset in the output.
const NOWHERE = 0xffffffffu;

// Where the columns of this invocation in one half lie in a row of the output.
alias Half = vec4<u32>;

fn half_columns(batch: u32, column: u32, lane: u32) -> Half {
    let at = column + vec4<u32>(b_within(0u, lane), b_within(1u, lane), b_within(2u, lane), b_within(3u, lane));
    let offsets = vec4<u32>(column_offset(at.x), column_offset(at.y), column_offset(at.z), column_offset(at.w));
    return select(vec4<u32>(NOWHERE), offsets, at < vec4<u32>(params.columns));
}

// Stores a row's columns of this invocation in one half, those that exist.
fn store_half(batch: u32, row: u32, half: Half, values: vec4<f32>) {
    let start = row_start(batch, row);
    var offsets = half;
    var sums = values;
    var i = 0u;
    loop {
        if offsets.x != NOWHERE {
            let at = start + offsets.x;
            output[at] = activated(updated(at, sums.x), params.end.activation);
        }
        offsets = offsets.yzww;
        sums = sums.yzww;
        i++;
        if i >= 4u {
            break;
        }
    }
}
