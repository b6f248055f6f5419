// Gradients of samples that are made, in a buffer.
@group(0) @binding(6) var<storage, read_write> gradients: array<vec4<f32>>;

// What the bands before have left.
fn gradients_before(sample: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), gradients[sample], params.accumulate != 0u);
}

fn store_gradients(at: SampleIndex, value: vec4<f32>) {
    gradients[at.sample] = value;
}
