// Samples that a kernel is given in a texture: sample/parts/samples.wgsl.
@group(0) @binding(4) var samples: texture_storage_2d<rgba32uint, read>;

fn load_sample(sample: u32) -> vec4<u32> {
    return textureLoad(samples, texel(sample));
}
