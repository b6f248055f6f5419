// Texels of four words, which copy_lines.wgsl copies.
@group(0) @binding(1) var<storage, read> matrix: array<vec4<u32>>;
@group(0) @binding(2) var made: texture_storage_2d<rgba32uint, write>;

fn copy_texel(to: u32, source: u32) {
    textureStore(made, texel(to), matrix[source]);
}
