// Planes of elements that a kernel reads, in a buffer.
@group(0) @binding(1) var<storage, read> input: array<f32>;

fn load_input(address: u32) -> f32 {
    return input[address];
}
