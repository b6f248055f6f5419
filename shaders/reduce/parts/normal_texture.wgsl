// Rows that are normalised, and the factor and the shift of their quads, in textures.
@group(0) @binding(1) var input: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var factor: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var shift: texture_storage_2d<rgba32float, read>;

fn load_input(address: u32) -> vec4<f32> {
    return textureLoad(input, texel(address));
}

fn load_factor(address: u32) -> vec4<f32> {
    return textureLoad(factor, texel(address));
}

fn load_shift(address: u32) -> vec4<f32> {
    return textureLoad(shift, texel(address));
}
