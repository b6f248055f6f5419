// Stores of products by subgroups, an invocation's four columns at once: they lie side by side, at a multiple of four elements.
@group(0) @binding(4) var<storage, read_write> output: array<Stored>;

alias Stored = vec4<f32>;

// No offset in the output.
const NOWHERE = 0xffffffffu;

// Where the columns of this invocation in one half lie in a row of the output.
alias Half = u32;

fn half_columns(batch: u32, column: u32, lane: u32) -> Half {
    let at = column + b_within(0u, lane);
    return select(NOWHERE, column_offset(at), at < params.columns);
}

// Stores a row's columns of this invocation in one half, if they exist.
fn store_half(batch: u32, row: u32, offset: Half, values: Stored) {
    if offset != NOWHERE {
        let quad = (row_start(batch, row) + offset) / 4u;
        output[quad] = activated_four(updated(quad, values), params.end.activation);
    }
}
