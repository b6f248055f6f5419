// Quads that a kernel makes, in a buffer.
@group(0) @binding(2) var<storage, read_write> made: array<vec4<f32>>;

fn store_made(address: u32, value: vec4<f32>) {
    made[address] = value;
}
