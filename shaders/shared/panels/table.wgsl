// A table of four words an entry, in a texture.
@group(0) @binding(3) var table: texture_storage_2d<rgba32uint, read>;

fn table_entry(i: u32) -> vec4<u32> {
    return textureLoad(table, texel(i));
}
