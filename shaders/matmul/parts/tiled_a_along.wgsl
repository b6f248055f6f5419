// The operand a of a tiled product, in quads along the depth: a_depth is 1, and a_first, a_batch, a_row and the depth are multiples of 4. An
// invocation loads four k of four rows.
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;

// Where an invocation starts, beyond that of its batch, and how far it moves from tile to tile.
fn a_start(row: u32, lane: u32) -> u32 {
    return (row + 4u * (lane % 16u)) * params.a_row + 4u * (lane / 16u);
}

fn a_step() -> u32 {
    return DEPTH;
}

fn load_a(at: u32) -> mat4x4<f32> {
    let first = at / 4u;
    let stride = params.a_row / 4u;
    return transpose(mat4x4<f32>(a[first], a[first + stride], a[first + 2u * stride], a[first + 3u * stride]));
}

// Leaves `left` of the tile's depth.
fn cut_a(loaded: mat4x4<f32>, left: u32, lane: u32) -> mat4x4<f32> {
    return cut(loaded, vec4<bool>(4u * (lane / 16u) < left));
}

fn keep_a(loaded: mat4x4<f32>, lane: u32) {
    let quad = lane % 8u;
    let at = lane / 16u * 8u + lane / 8u % 2u;
    a_tile[at][quad] = loaded[0];
    a_tile[at + 2u][quad] = loaded[1];
    a_tile[at + 4u][quad] = loaded[2];
    a_tile[at + 6u][quad] = loaded[3];
}
