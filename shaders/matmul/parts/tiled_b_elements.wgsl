// The operand b of a tiled product, element by element, in any order. An invocation loads one k of four times four columns.
@group(0) @binding(2) var<storage, read> b: array<f32>;

// Where an invocation starts, beyond that of its batch, and how far it moves from tile to tile.
fn b_start(column: u32, lane: u32) -> u32 {
    return (column + 4u * (lane / DEPTH)) * params.b_column + lane % DEPTH * params.b_depth;
}

fn b_step() -> u32 {
    return DEPTH * params.b_depth;
}

// An element of each of four columns.
fn b_quad(at: u32) -> vec4<f32> {
    let stride = params.b_column;
    return vec4<f32>(b[at], b[at + stride], b[at + 2u * stride], b[at + 3u * stride]);
}

fn load_b(at: u32) -> mat4x4<f32> {
    let stride = 16u * params.b_column;
    return mat4x4<f32>(b_quad(at), b_quad(at + stride), b_quad(at + 2u * stride), b_quad(at + 3u * stride));
}

// Leaves `left` of the tile's depth.
fn cut_b(loaded: mat4x4<f32>, left: u32, lane: u32) -> mat4x4<f32> {
    return cut(loaded, vec4<bool>(lane % DEPTH < left));
}

fn keep_b(loaded: mat4x4<f32>, lane: u32) {
    let quad = lane / DEPTH;
    let at = 2u * (lane % DEPTH);
    b_tile[at][quad] = loaded[0];
    b_tile[at][quad + 4u] = loaded[1];
    b_tile[at + 1u][quad] = loaded[2];
    b_tile[at + 1u][quad + 4u] = loaded[3];
}
