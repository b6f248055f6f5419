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
    var half = Half(vec4<u32>(NOWHERE), vec4<f32>(0.0));
    for (var i = 0u; i < 4u; i++) {
        let at = column + b_within(i, lane);
        if at < params.columns {
            half.offsets[i] = column_offset(at);
            half.base[i] = column_bias(batch, at);
        }
    }
    return half;
}

// Stores a row's columns of this invocation in one half, those that exist. A load is left out where it can be.
fn store_half(batch: u32, row: u32, accumulate: bool, half: Half, values: vec4<f32>) {
    let base = row_bias(batch, row);
    let start = row_start(batch, row);
    for (var i = 0u; i < 4u; i++) {
        if half.offsets[i] != NOWHERE {
            let at = start + half.offsets[i];
            var held = base + half.base[i];
            if accumulate {
                held = output[at];
            }
            output[at] = activated(held + values[i], params.end.activation);
        }
    }
}
