// Gradients of samples that are made, in a texture, each at once.
@group(0) @binding(6) var gradients: texture_storage_2d<rgba32float, write>;

// One dispatch does all bands and runs.
fn gradients_before(sample: u32) -> vec4<f32> {
    return vec4<f32>(0.0);
}

fn store_gradients(sample: u32, value: vec4<f32>) {
    textureStore(gradients, texel(sample), value);
}
