// Addends of scores in buffers.
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> mask: array<f32>;

fn bias_at(address: u32) -> f32 {
    return bias[address];
}

fn mask_at(address: u32) -> f32 {
    return mask[address];
}
