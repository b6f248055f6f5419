// Panels of b of a product by subgroups, in a buffer: see tile.wgsl.
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;

fn load_b(address: u32) -> vec4<f32> {
    return b[address];
}
