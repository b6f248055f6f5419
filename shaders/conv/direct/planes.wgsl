// What convolutions of planes in a texture read: conv/conv2d_planes.wgsl, conv2d_stem.wgsl.
@group(0) @binding(1) var planes: texture_storage_2d<r32float, read>;
@group(0) @binding(2) var weight: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;

// Eight elements side by side.
struct Eight {
    left: vec4<f32>,
    right: vec4<f32>,
}

// An element of the planes, 0 where it does not exist.
fn element(at: u32, exists: bool) -> f32 {
    return select(0.0, textureLoad(planes, texel(select(0u, at, exists))).x, exists);
}

// Four elements of the planes from a multiple of four on, which lie in one row of the texture; 0 where they do not exist.
fn quad(at: u32, exists: bool) -> vec4<f32> {
    let first = texel(select(0u, at, exists));
    let a = textureLoad(planes, first).x;
    let b = textureLoad(planes, first + vec2<u32>(1u, 0u)).x;
    let c = textureLoad(planes, first + vec2<u32>(2u, 0u)).x;
    let d = textureLoad(planes, first + vec2<u32>(3u, 0u)).x;
    return select(vec4<f32>(0.0), vec4<f32>(a, b, c, d), exists);
}
