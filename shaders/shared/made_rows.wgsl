// Quads that a kernel makes, in a buffer.
@group(0) @binding(2) var<storage, read_write> made: array<vec4<f32>>;

// What was made there before.
fn made_before(place: u32) -> vec4<f32> {
    return made[place];
}

fn store_made(place: u32, value: vec4<f32>) {
    made[place] = value;
}
