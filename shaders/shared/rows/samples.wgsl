// Samples, in a buffer: samples.wgsl.
@group(0) @binding(4) var<storage, read> samples: array<vec4<f32>>;

fn load_sample(sample: u32) -> vec4<f32> {
    return samples[sample];
}
