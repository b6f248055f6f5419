// Stores into an `output` of elements.

alias Stored = f32;

// Stores the first `count` of four elements side by side, one at least.
fn store_four(at: u32, count: u32, values: vec4<f32>) {
    output[at] = values.x;
    if count > 1u {
        output[at + 1u] = values.y;
    }
    if count > 2u {
        output[at + 2u] = values.z;
    }
    if count > 3u {
        output[at + 3u] = values.w;
    }
}
