// b of a product by subgroups, in a texture: see tile.wgsl.
@group(0) @binding(2) var b: texture_storage_2d<rgba32float, read>;

fn load_b(address: u32) -> vec4<f32> {
    return textureLoad(b, texel(address));
}

// An invocation has four columns of a half side by side.
fn b_within(i: u32, invocation: u32) -> u32 {
    return 4u * invocation + i;
}
