// Stores of products by subgroups, element by element.
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// No offset in the output.
const NOWHERE = 0xffffffffu;

// Where the columns of this invocation in one half lie in a row of the output.
fn half_columns(column: u32, lane: u32) -> vec4<u32> {
    var offsets = vec4<u32>(NOWHERE);
    for (var i = 0u; i < 4u; i++) {
        let at = column + b_within(i, lane);
        if at < params.columns {
            offsets[i] = column_offset(at);
        }
    }
    return offsets;
}

// Stores a row's columns of this invocation in one half, those that exist. A load is left out where it can be.
fn store_half(batch: u32, row: u32, accumulate: bool, columns: vec4<u32>, values: vec4<f32>) {
    let base = row_bias(batch, row);
    let start = row_start(batch, row);
    for (var i = 0u; i < 4u; i++) {
        if columns[i] != NOWHERE {
            let at = start + columns[i];
            var held = base;
            if accumulate {
                held = output[at];
            }
            output[at] = held + values[i];
        }
    }
}
