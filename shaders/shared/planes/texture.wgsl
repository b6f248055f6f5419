// Planes of elements that a kernel reads, in a texture of elements.
@group(0) @binding(1) var input: texture_storage_2d<r32float, read>;

fn load_input(address: u32) -> f32 {
    return textureLoad(input, texel(address)).x;
}
