// Texels of quads, which copy_lines.wgsl copies.
@group(0) @binding(1) var<storage, read> matrix: array<vec4<f32>>;
@group(0) @binding(2) var made: texture_storage_2d<rgba32float, write>;

fn copy_texel(to: u32, source: u32) {
    textureStore(made, texel(to), matrix[source]);
}
