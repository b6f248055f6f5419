// Quads that a kernel is given, in a buffer.
@group(0) @binding(1) var<storage, read> given: array<vec4<f32>>;

fn load_given(address: u32) -> vec4<f32> {
    return given[address];
}
