// The operand a of a tiled product, in quads across the depth: a_row is 1, and a_first, a_batch, a_depth and `rows` are multiples of 4. An
// invocation loads four rows of every fourth k.
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;

// Where an invocation starts, beyond that of its batch, and how far it moves from tile to tile.
fn a_start(row: u32, lane: u32) -> u32 {
    return row + 4u * (lane % 16u) + lane / 16u * params.a_depth;
}

fn a_step() -> u32 {
    return DEPTH * params.a_depth;
}

fn load_a(at: u32) -> mat4x4<f32> {
    let first = at / 4u;
    let stride = params.a_depth;
    return mat4x4<f32>(a[first], a[first + stride], a[first + 2u * stride], a[first + 3u * stride]);
}

// Leaves `left` of the tile's depth.
fn cut_a(loaded: mat4x4<f32>, left: u32, lane: u32) -> mat4x4<f32> {
    return cut(loaded, vec4<u32>(lane / 16u) + vec4<u32>(0u, 4u, 8u, 12u) < vec4<u32>(left));
}

fn keep_a(loaded: mat4x4<f32>, lane: u32) {
    let quad = lane % 8u;
    let at = lane / 16u * 2u + lane / 8u % 2u;
    a_tile[at][quad] = loaded[0];
    a_tile[at + 8u][quad] = loaded[1];
    a_tile[at + 16u][quad] = loaded[2];
    a_tile[at + 24u][quad] = loaded[3];
}
