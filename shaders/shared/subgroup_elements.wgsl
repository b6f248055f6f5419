// Stores of products by subgroups, element by element.
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// Stores a row's columns of this invocation, those that exist. A load is left out where it can be.
fn store_columns(start: u32, base: f32, accumulate: bool, column: u32, lane: u32, first: u32, values: vec4<f32>) {
    for (var i = 0u; i < 4u; i++) {
        let at = column + within(first + i, lane);
        if at < params.columns {
            var held = base;
            if accumulate {
                held = output[start + place(at)];
            }
            output[start + place(at)] = held + values[i];
        }
    }
}
