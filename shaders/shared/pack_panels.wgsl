// Quads that are packed into an image, each at once.
@group(0) @binding(2) var packed: texture_storage_2d<rgba32float, write>;

fn packed_before(place: u32) -> vec4<f32> {
    return vec4<f32>(0.0);
}

fn store_packed(place: u32, value: vec4<f32>) {
    textureStore(packed, texel(place), value);
}
