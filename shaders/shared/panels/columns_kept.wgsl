// The columns themselves are kept, in an image like that of their gradients.
@group(0) @binding(7) var kept: texture_storage_2d<rgba32float, write>;

fn keep_column(place: u32, value: vec4<f32>) {
    textureStore(kept, texel(place), value);
}
