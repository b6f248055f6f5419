// Gradients of columns, in an image.
@group(0) @binding(1) var columns: texture_storage_2d<rgba32float, read>;

fn load_columns(place: u32) -> vec4<f32> {
    return textureLoad(columns, texel(place));
}
