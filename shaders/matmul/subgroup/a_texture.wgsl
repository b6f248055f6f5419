// a of a product by subgroups, in a texture: see tile.wgsl.
@group(0) @binding(1) var a: texture_storage_2d<rgba32float, read>;

fn load_a(address: u32) -> vec4<f32> {
    return textureLoad(a, texel(address));
}
