// Samples, in a texture: samples.wgsl.
@group(0) @binding(4) var samples: texture_storage_2d<rgba32float, read>;

fn load_sample(sample: u32) -> vec4<f32> {
    return textureLoad(samples, texel(sample));
}
