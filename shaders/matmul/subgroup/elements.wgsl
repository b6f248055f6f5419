// Stores of products by subgroups, element by element.
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// No offset in the output.
const NOWHERE = 0xffffffffu;

// Where the columns of this invocation in one half lie in a row of the output, and what they start from.
struct Half {
    offsets: vec4<u32>,
    base: vec4<f32>,
}

fn half_columns(batch: u32, column: u32, lane: u32) -> Half {
    let at = column + vec4<u32>(b_within(0u, lane), b_within(1u, lane), b_within(2u, lane), b_within(3u, lane));
    let near = min(at, vec4<u32>(params.columns - 1u));
    let offsets = vec4<u32>(column_offset(near.x), column_offset(near.y), column_offset(near.z), column_offset(near.w));
    return Half(
        select(vec4<u32>(NOWHERE), offsets, near == at),
        vec4<f32>(column_bias(batch, near.x), column_bias(batch, near.y), column_bias(batch, near.z), column_bias(batch, near.w)),
    );
}

// Stores a row's columns of this invocation in one half, those that exist. A load is left out where it can be.
fn store_half(batch: u32, row: u32, accumulate: bool, half: Half, values: vec4<f32>) {
    let start = row_start(batch, row);
    var offsets = half.offsets;
    var bases = row_bias(batch, row) + half.base;
    var sums = values;
    var i = 0u;
    loop {
        if offsets.x != NOWHERE {
            let at = start + offsets.x;
            var held = bases.x;
            if accumulate {
                held = output[at];
            }
            output[at] = activated(held + sums.x, params.end.activation);
        }
        offsets = offsets.yzww;
        bases = bases.yzww;
        sums = sums.yzww;
        i++;
        if i >= 4u {
            break;
        }
    }
}
