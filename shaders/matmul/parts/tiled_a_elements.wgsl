// The operand a of a tiled product, element by element, in any order. An invocation loads one k of four times four rows.
@group(0) @binding(1) var<storage, read> a: array<f32>;

// Where an invocation starts, beyond that of its batch, and how far it moves from tile to tile.
fn a_start(row: u32, lane: u32) -> u32 {
    return (row + 4u * (lane / DEPTH)) * params.a_row + lane % DEPTH * params.a_depth;
}

fn a_step() -> u32 {
    return DEPTH * params.a_depth;
}

// An element of each of four rows.
fn a_quad(at: u32) -> vec4<f32> {
    let stride = params.a_row;
    return vec4<f32>(a[at], a[at + stride], a[at + 2u * stride], a[at + 3u * stride]);
}

fn load_a(at: u32) -> mat4x4<f32> {
    let stride = 16u * params.a_row;
    return mat4x4<f32>(a_quad(at), a_quad(at + stride), a_quad(at + 2u * stride), a_quad(at + 3u * stride));
}

// Leaves `left` of the tile's depth.
fn cut_a(loaded: mat4x4<f32>, left: u32, lane: u32) -> mat4x4<f32> {
    return cut(loaded, vec4<bool>(lane % DEPTH < left));
}

fn keep_a(loaded: mat4x4<f32>, lane: u32) {
    let quad = lane / DEPTH;
    let at = 2u * (lane % DEPTH);
    a_tile[at][quad] = loaded[0];
    a_tile[at][quad + 4u] = loaded[1];
    a_tile[at + 1u][quad] = loaded[2];
    a_tile[at + 1u][quad + 4u] = loaded[3];
}
