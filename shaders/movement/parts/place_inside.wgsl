// Axes none of which leaves the source: movement/strided_copy.wgsl.

fn place(axis: CopyAxis, outside: u32, index: u32) -> vec2<u32> {
    return vec2<u32>(index * axis.stride, 0u);
}
