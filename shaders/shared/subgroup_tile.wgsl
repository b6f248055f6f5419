// The tile of the products by subgroups of 8, for adapters that run on the CPU: there a load costs as much as dozens of
// multiplications, and a broadcast next to nothing.
//
// a and b are matrices in quads along their rows, in panels: shared/panels.wgsl. Each is read one of two ways:
//
// along   the operand's vectors (rows of a, columns of b) are rows of its matrix, and their elements lie along them:
//         shared/subgroup_a_along.wgsl, subgroup_b_along.wgsl
// across  the rows of its matrix are the depth, and a quad has four vectors: subgroup_a_across.wgsl, subgroup_b_across.wgsl
//
// x_first   place at which the matrices of operand x start; batches are x_batch apart
// x_row     row of the matrix that is the first vector, or k 0; x_quad quad that is k 0, or the first four vectors
// x_quads   quads of a row
//
// One workgroup, which is one subgroup, does a tile of 16 rows and 64 columns. Each invocation loads two rows of a for all, and does eight
// columns, four of each half: x_within says which. Tiles are numbered by row, column, batch. How an element is summed depends on the depth
// alone. A loop over a larger tile does not fit the caches in which a CPU keeps its instructions, and waits for them.

struct Params {
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
    output_first: u32,
    output_batch: u32,
    output_row: u32,
    row_first: u32,
    column_first: u32,
    block: u32,
    output_block: u32,
    biased: u32,
    accumulate: u32,
    bias_first: u32,
    bias_batch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

const ROWS = 16u;
const COLUMNS = 64u;

// Sums of eight rows, one from each invocation, and of the four columns of a half.
struct Sums {
    r0: vec4<f32>,
    r1: vec4<f32>,
    r2: vec4<f32>,
    r3: vec4<f32>,
    r4: vec4<f32>,
    r5: vec4<f32>,
    r6: vec4<f32>,
    r7: vec4<f32>,
}

// For each of an invocation's rows, its sums with the columns of the left half and of the right.
struct Tile {
    left0: Sums,
    left1: Sums,
    right0: Sums,
    right1: Sums,
}

// Four k of a row, times four columns; each column of the matrix is one k.
fn product(row: vec4<f32>, columns: mat4x4<f32>) -> vec4<f32> {
    return row.x * columns[0] + row.y * columns[1] + row.z * columns[2] + row.w * columns[3];
}

// Adds four k of eight rows, of which each invocation brings one, times four columns.
fn add_products(sums: Sums, row: vec4<f32>, columns: mat4x4<f32>) -> Sums {
    return Sums(
        sums.r0 + product(subgroupBroadcast(row, 0u), columns),
        sums.r1 + product(subgroupBroadcast(row, 1u), columns),
        sums.r2 + product(subgroupBroadcast(row, 2u), columns),
        sums.r3 + product(subgroupBroadcast(row, 3u), columns),
        sums.r4 + product(subgroupBroadcast(row, 4u), columns),
        sums.r5 + product(subgroupBroadcast(row, 5u), columns),
        sums.r6 + product(subgroupBroadcast(row, 6u), columns),
        sums.r7 + product(subgroupBroadcast(row, 7u), columns),
    );
}

// Adds four k of the whole tile. Each column of `rows` is a row of a, each of `left` and `right` one k of b.
fn add_tile(tile: Tile, rows: mat2x4<f32>, left: mat4x4<f32>, right: mat4x4<f32>) -> Tile {
    return Tile(
        add_products(tile.left0, rows[0], left),
        add_products(tile.left1, rows[1], left),
        add_products(tile.right0, rows[0], right),
        add_products(tile.right1, rows[1], right),
    );
}

// Batch, first row, first column.
fn tile_start(tile: u32) -> vec3<u32> {
    let row_tiles = (params.rows + ROWS - 1u) / ROWS;
    let column_tiles = (params.columns + COLUMNS - 1u) / COLUMNS;
    return vec3<u32>(tile / row_tiles / column_tiles, tile % row_tiles * ROWS, tile / row_tiles % column_tiles * COLUMNS);
}

// What lavapipe does not know to be uniform: it compiles a shader anew, at each dispatch, for the uniforms that it branches on or that
// bound its loops.
fn no_uniform(value: u32) -> u32 {
    return subgroupBroadcast(value, 0u);
}

// The sums of the whole tile, with the next row or the other eight rows first: what stores them does so in loops, since lavapipe compiles
// each site of a load or a store for long.
fn next_row(sums: Sums) -> Sums {
    return Sums(sums.r1, sums.r2, sums.r3, sums.r4, sums.r5, sums.r6, sums.r7, sums.r0);
}

fn next_rows(tile: Tile) -> Tile {
    return Tile(tile.left1, tile.left0, tile.right1, tile.right0);
}

fn store_tile(start: vec3<u32>, lane: u32, sums: Tile) {
    let accumulate = no_uniform(params.accumulate) != 0u;
    var tile = sums;
    for (var i = 0u; i < 2u; i++) {
        for (var invocation = 0u; invocation < 8u; invocation++) {
            let row = start.y + a_within(i, invocation);
            if row < params.rows {
                store_half(start.x, row, accumulate, start.z, lane, tile.left0.r0);
                store_half(start.x, row, accumulate, start.z + 32u, lane, tile.right0.r0);
            }
            tile.left0 = next_row(tile.left0);
            tile.right0 = next_row(tile.right0);
        }
        tile = next_rows(tile);
    }
}
