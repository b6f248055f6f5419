// Columns that are stored in a texture, each quad at once.
@group(0) @binding(1) var columns: texture_storage_2d<rgba32float, write>;

fn store_quad(address: u32, value: vec4<f32>) {
    textureStore(columns, texel(address), value);
}
