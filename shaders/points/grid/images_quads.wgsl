// Images that a grid samples, in quads of channels.
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;

fn load_input(address: u32) -> vec4<f32> {
    return input[address];
}
