// Samples that a kernel is given in a buffer: sample/parts/samples.wgsl.
@group(0) @binding(4) var<storage, read> samples: array<vec4<u32>>;

fn load_sample(sample: u32) -> vec4<u32> {
    return samples[sample];
}
