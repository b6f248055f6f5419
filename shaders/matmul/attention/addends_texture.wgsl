// Addends of scores in textures of elements.
@group(0) @binding(4) var bias: texture_storage_2d<r32float, read>;
@group(0) @binding(5) var mask: texture_storage_2d<r32float, read>;

fn bias_at(address: u32) -> f32 {
    return textureLoad(bias, texel(address)).x;
}

fn mask_at(address: u32) -> f32 {
    return textureLoad(mask, texel(address)).x;
}
