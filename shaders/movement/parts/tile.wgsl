// What the variants of movement/copy_tiles.wgsl have in common.

struct Params {
    outer_0: TileAxis,
    outer_1: TileAxis,
    outer_2: TileAxis,
    outer_3: TileAxis,
    along: TileAxis,
    across: TileAxis,
    source_first: u32,
    output_first: u32,
}

// An axis, and the tiles along it. The struct takes a multiple of 16 bytes, so that a uniform may hold it.
struct TileAxis {
    extent: u32,
    tiles: u32,
    source_stride: u32,
    output_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<Word>;
@group(0) @binding(2) var<storage, read_write> output: array<Word>;

// The places of an index in the source and in the output.
fn places(axis: TileAxis, index: u32) -> vec2<u32> {
    return index * vec2<u32>(axis.source_stride, axis.output_stride);
}
