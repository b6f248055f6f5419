// The operand b of a tiled product, in quads along the depth: b_depth is 1, and b_first, b_batch, b_column and the depth are multiples of 4. An
// invocation loads four k of four columns.
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;

// Where an invocation starts, beyond that of its batch, and how far it moves from tile to tile.
fn b_start(column: u32, lane: u32) -> u32 {
    return (column + 4u * (lane % 16u)) * params.b_column + 4u * (lane / 16u);
}

fn b_step() -> u32 {
    return DEPTH;
}

fn load_b(at: u32) -> mat4x4<f32> {
    let first = at / 4u;
    let stride = params.b_column / 4u;
    return transpose(mat4x4<f32>(b[first], b[first + stride], b[first + 2u * stride], b[first + 3u * stride]));
}

// Leaves `left` of the tile's depth.
fn cut_b(loaded: mat4x4<f32>, left: u32, lane: u32) -> mat4x4<f32> {
    return cut(loaded, vec4<bool>(4u * (lane / 16u) < left));
}

fn keep_b(loaded: mat4x4<f32>, lane: u32) {
    let quad = lane % 8u;
    let at = lane / 16u * 8u + lane / 8u % 2u;
    b_tile[at][quad] = loaded[0];
    b_tile[at + 2u][quad] = loaded[1];
    b_tile[at + 4u][quad] = loaded[2];
    b_tile[at + 6u][quad] = loaded[3];
}
