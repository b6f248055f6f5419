// b of a product by subgroups, in a texture: see tile.wgsl.
@group(0) @binding(2) var b: texture_storage_2d<rgba32float, read>;

fn load_b(address: u32) -> vec4<f32> {
    return textureLoad(b, texel(address));
}
