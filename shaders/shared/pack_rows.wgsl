// Quads that are packed into a buffer.
@group(0) @binding(2) var<storage, read_write> packed: array<vec4<f32>>;

// What was packed there before.
fn packed_before(place: u32) -> vec4<f32> {
    return packed[place];
}

fn store_packed(place: u32, value: vec4<f32>) {
    packed[place] = value;
}
