// What the products by subgroups of two matrices need: tile.wgsl.

struct Params {
    end: End,
    rows: u32,
    columns: u32,
    depth: u32,
    batch: u32,
    a_first: u32,
    a_batch: u32,
    a_row: u32,
    a_quad: u32,
    a_quads: u32,
    b_first: u32,
    b_batch: u32,
    b_row: u32,
    b_quad: u32,
    b_quads: u32,
    by_columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
