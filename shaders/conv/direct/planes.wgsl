// What convolutions of planes in a texture read: conv/conv2d_planes.wgsl, conv2d_stem.wgsl.
@group(0) @binding(1) var planes: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var weight: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;

// Eight elements side by side.
struct Eight {
    left: vec4<f32>,
    right: vec4<f32>,
}

// A quad of the planes, 0 where it does not exist.
fn quad(at: u32, exists: bool) -> vec4<f32> {
    return select(vec4<f32>(0.0), textureLoad(planes, texel(select(0u, at, exists))), exists);
}
