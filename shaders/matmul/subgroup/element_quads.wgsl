// Stores of products by subgroups, an invocation's four columns at once: they lie side by side, at a multiple of four elements.
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

// No offset in the output.
const NOWHERE = 0xffffffffu;

// Where the columns of this invocation in one half lie in a row of the output, and what they start from.
struct Half {
    offset: u32,
    base: vec4<f32>,
}

fn half_columns(batch: u32, column: u32, lane: u32) -> Half {
    let at = column + b_within(0u, lane);
    let exist = at < params.columns;
    let first = select(0u, at, exist);
    let base = vec4<f32>(
        column_bias(batch, first), column_bias(batch, first + 1u), column_bias(batch, first + 2u), column_bias(batch, first + 3u),
    );
    return Half(select(NOWHERE, column_offset(at), exist), base);
}

// Stores a row's columns of this invocation in one half, if they exist. A load is left out where it can be.
fn store_half(batch: u32, row: u32, accumulate: bool, half: Half, values: vec4<f32>) {
    if half.offset != NOWHERE {
        let quad = (row_start(batch, row) + half.offset) / 4u;
        var held = half.base + row_bias(batch, row);
        if accumulate {
            held = output[quad];
        }
        output[quad] = activated_four(held + values, params.end.activation);
    }
}
