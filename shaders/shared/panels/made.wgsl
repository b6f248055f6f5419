// Quads that a kernel makes, in a texture, each at once.
@group(0) @binding(2) var made: texture_storage_2d<rgba32float, write>;

fn store_made(address: u32, value: vec4<f32>) {
    textureStore(made, texel(address), value);
}
