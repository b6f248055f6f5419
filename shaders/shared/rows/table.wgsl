// A table of four words an entry, in a buffer.
@group(0) @binding(3) var<storage, read> table: array<vec4<u32>>;

fn table_entry(i: u32) -> vec4<u32> {
    return table[i];
}
