// Packed images that are sampled, in a texture.
@group(0) @binding(2) var packed: texture_storage_2d<rgba32float, read>;

fn load_packed(address: u32) -> vec4<f32> {
    return textureLoad(packed, texel(address));
}
