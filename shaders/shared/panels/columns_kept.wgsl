// The columns themselves are kept, in a texture like that of their gradients.
@group(0) @binding(8) var kept: texture_storage_2d<rgba32float, write>;

fn keep_column(address: u32, value: vec4<f32>) {
    textureStore(kept, texel(address), value);
}
