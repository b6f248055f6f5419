// The tile of the products by subgroups of 8, for adapters that run on the CPU: there a load costs as much as dozens of
// multiplications, and a broadcast next to nothing.
//
// a and b are matrices in quads along their rows, in panels: shared/panels/layout.wgsl. Each is read one of two ways:
//
// along   the operand's vectors (rows of a, columns of b) are rows of its matrix, and their elements lie along them:
//         matmul/subgroup/a_along.wgsl, b_along.wgsl; a may also lie in a buffer: a_buffer.wgsl; panels of b may be held in one: b_held.wgsl
// across  the rows of its matrix are the depth, and a quad has four vectors: a_across.wgsl, b_across.wgsl; b may also lie in a buffer: b_buffer.wgsl
//
// The kernel's Params: params.wgsl, or its own.
//
// x_first   address at which the matrices of operand x start; batches are x_batch apart
// x_row     row of the matrix that is the first vector, or k 0; x_quad quad that is k 0, or the first four vectors
// x_quads   quads of a row
//
// One workgroup, which is one subgroup, does a tile of 16 rows and 64 columns. Each invocation loads two rows of a for all, and does eight
// columns, four of each half: x_within says which. Tiles are numbered by row, column, batch. How an element is summed depends on the depth
// alone. A loop over a larger tile does not fit the caches in which a CPU keeps its instructions, and waits for them.

const ROWS = 16u;
const COLUMNS = 64u;

// Sums of a row with an invocation's four columns of the left half, and of the right.
struct Sums {
    left: vec4<f32>,
    right: vec4<f32>,
}

// Sums of eight rows, one from each invocation.
struct Rows {
    r0: Sums,
    r1: Sums,
    r2: Sums,
    r3: Sums,
    r4: Sums,
    r5: Sums,
    r6: Sums,
    r7: Sums,
}

// For each of an invocation's rows, its sums and those of the rows that the others have with it.
struct Tile {
    rows0: Rows,
    rows1: Rows,
}

// Four k of a row, times four columns; each column of the matrix is one k.
fn product(row: vec4<f32>, columns: mat4x4<f32>) -> vec4<f32> {
    return row.x * columns[0] + row.y * columns[1] + row.z * columns[2] + row.w * columns[3];
}

// Adds four k of a row, times both halves: what is broadcast is used at once, while it is in registers.
fn add_row(sums: Sums, row: vec4<f32>, left: mat4x4<f32>, right: mat4x4<f32>) -> Sums {
    return Sums(sums.left + product(row, left), sums.right + product(row, right));
}

// Adds four k of eight rows, of which each invocation brings one.
fn add_rows(rows: Rows, row: vec4<f32>, left: mat4x4<f32>, right: mat4x4<f32>) -> Rows {
    return Rows(
        add_row(rows.r0, subgroupBroadcast(row, 0u), left, right),
        add_row(rows.r1, subgroupBroadcast(row, 1u), left, right),
        add_row(rows.r2, subgroupBroadcast(row, 2u), left, right),
        add_row(rows.r3, subgroupBroadcast(row, 3u), left, right),
        add_row(rows.r4, subgroupBroadcast(row, 4u), left, right),
        add_row(rows.r5, subgroupBroadcast(row, 5u), left, right),
        add_row(rows.r6, subgroupBroadcast(row, 6u), left, right),
        add_row(rows.r7, subgroupBroadcast(row, 7u), left, right),
    );
}

// Adds four k of the whole tile. Each column of `rows` is a row of a, each of `left` and `right` one k of b.
fn add_tile(tile: Tile, rows: mat2x4<f32>, left: mat4x4<f32>, right: mat4x4<f32>) -> Tile {
    return Tile(add_rows(tile.rows0, rows[0], left, right), add_rows(tile.rows1, rows[1], left, right));
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

// The sums with the next row first: what stores them does so in loops, since lavapipe compiles each site of a load or a store for long.
fn next_row(rows: Rows) -> Rows {
    return Rows(rows.r1, rows.r2, rows.r3, rows.r4, rows.r5, rows.r6, rows.r7, rows.r0);
}

fn store_tile(start: vec3<u32>, lane: u32, tile: Tile) {
    let accumulate = no_uniform(params.end.accumulate) != 0u;
    let left = half_columns(start.x, start.z, lane);
    let right = half_columns(start.x, start.z + 32u, lane);
    var rows = tile.rows0;
    var i = 0u;
    loop {
        var invocation = 0u;
        loop {
            let row = start.y + a_within(i, invocation);
            if row < params.rows {
                store_half(start.x, row, accumulate, left, rows.r0.left);
                store_half(start.x, row, accumulate, right, rows.r0.right);
            }
            rows = next_row(rows);
            invocation++;
            if invocation >= 8u {
                break;
            }
        }
        rows = tile.rows1;
        i++;
        if i >= 2u {
            break;
        }
    }
}
