// Stores of resampled rows of whole quads, four elements at once: sample/resample.wgsl.
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

// Stores four elements side by side, all of which exist.
fn store_four(at: u32, count: u32, values: vec4<f32>) {
    output[at / 4u] = values;
}
