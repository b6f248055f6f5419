// Rows that are normalised, and the factor and the shift of their quads, in buffers.
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> factor: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> shift: array<vec4<f32>>;

fn load_input(address: u32) -> vec4<f32> {
    return input[address];
}

fn load_factor(address: u32) -> vec4<f32> {
    return factor[address];
}

fn load_shift(address: u32) -> vec4<f32> {
    return shift[address];
}
