// The sums that winograd_output.wgsl reads, in a texture.
@group(0) @binding(4) var sums: texture_storage_2d<rgba32float, read>;

fn load_sums(address: u32) -> vec4<f32> {
    return textureLoad(sums, texel(address));
}
