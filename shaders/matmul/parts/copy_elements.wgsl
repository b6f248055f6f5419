// Texels of elements, which copy_lines.wgsl copies.
@group(0) @binding(1) var<storage, read> matrix: array<f32>;
@group(0) @binding(2) var made: texture_storage_2d<r32float, write>;

fn copy_texel(to: u32, source: u32) {
    textureStore(made, texel(to), vec4<f32>(matrix[source]));
}
