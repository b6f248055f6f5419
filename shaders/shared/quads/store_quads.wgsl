// Stores into an `output` of quads, whose rows are whole quads.

alias Stored = vec4<f32>;

// Stores four elements side by side, all of which exist.
fn store_four(at: u32, count: u32, values: vec4<f32>) {
    output[at / 4u] = values;
}
