// The sums that winograd_output.wgsl reads, in a buffer.
@group(0) @binding(4) var<storage, read> sums: array<vec4<f32>>;

fn load_sums(address: u32) -> vec4<f32> {
    return sums[address];
}
