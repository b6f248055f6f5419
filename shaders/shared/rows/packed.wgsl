// Packed images that are sampled, in a buffer.
@group(0) @binding(2) var<storage, read> packed: array<vec4<f32>>;

fn load_packed(address: u32) -> vec4<f32> {
    return packed[address];
}
