// Stores of products by subgroups, an invocation's four columns at once: they lie side by side, at a multiple of four elements.
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

// No offset in the output.
const NOWHERE = 0xffffffffu;

// Where the columns of this invocation in one half lie in a row of the output.
fn half_columns(column: u32, lane: u32) -> u32 {
    let at = column + b_within(0u, lane);
    return select(NOWHERE, column_offset(at), at < params.columns);
}

// Stores a row's columns of this invocation in one half, if they exist. A load is left out where it can be.
fn store_half(batch: u32, row: u32, accumulate: bool, columns: u32, values: vec4<f32>) {
    if columns != NOWHERE {
        let quad = (row_start(batch, row) + columns) / 4u;
        var held = vec4<f32>(row_bias(batch, row));
        if accumulate {
            held = output[quad];
        }
        output[quad] = held + values;
    }
}
