// Stores of products by subgroups, element by element.

// Stores a row's columns of this invocation in one half, those that exist. A load is left out where it can be.
fn store_half(batch: u32, row: u32, accumulate: bool, column: u32, lane: u32, values: vec4<f32>) {
    let base = row_bias(batch, row);
    let start = row_start(batch, row);
    for (var i = 0u; i < 4u; i++) {
        let at = column + b_within(i, lane);
        if at < params.columns {
            var held = base;
            if accumulate {
                held = output[start + place(at)];
            }
            output[start + place(at)] = held + values[i];
        }
    }
}
