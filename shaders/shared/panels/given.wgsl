// Quads that a kernel is given, in a texture.
@group(0) @binding(1) var given: texture_storage_2d<rgba32float, read>;

fn load_given(address: u32) -> vec4<f32> {
    return textureLoad(given, texel(address));
}
