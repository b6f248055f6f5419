// The tile of the products by subgroups of 8, for adapters that run on the CPU: there a load costs as much as dozens of
// multiplications, and a broadcast next to nothing.
//
// One workgroup, which is one subgroup, does a tile of 64 columns and of 64 or 32 rows: subgroup_rows_64.wgsl, subgroup_rows_32.wgsl.
// Each invocation loads its rows of a for all, and does eight columns. Rows and columns alike come in halves of 32, in which the i-th
// of an invocation's four lies at i * ACROSS + invocation * ALONG: constants of the kernel. Tiles are numbered by row, column, batch.
//
// How an element is summed depends on the depth alone. Stores: subgroup_elements.wgsl, subgroup_quads.wgsl.

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

fn next_row(sums: Sums) -> Sums {
    return Sums(sums.r1, sums.r2, sums.r3, sums.r4, sums.r5, sums.r6, sums.r7, sums.r0);
}

// Batch, first row, first column.
fn tile_start(tile: u32) -> vec3<u32> {
    let row_tiles = (params.rows + ROWS - 1u) / ROWS;
    let column_tiles = (params.columns + COLUMNS - 1u) / COLUMNS;
    return vec3<u32>(tile / row_tiles / column_tiles, tile % row_tiles * ROWS, tile / row_tiles % column_tiles * COLUMNS);
}

// A row or column of the tile: the i-th of an invocation.
fn within(i: u32, invocation: u32) -> u32 {
    return i / 4u * 32u + i % 4u * ACROSS + invocation * ALONG;
}

// What lavapipe does not know to be uniform: it compiles a shader anew, at each dispatch, for the uniforms that it branches on or that
// bound its loops.
fn no_uniform(value: u32) -> u32 {
    return subgroupBroadcast(value, 0u);
}

// Few sites of loads and stores, in loops: lavapipe compiles each for long.
fn store_tile(start: vec3<u32>, lane: u32, sums: Tile) {
    let accumulate = no_uniform(params.accumulate) != 0u;
    var tile = sums;
    for (var i = 0u; i < ROWS / 8u; i++) {
        for (var invocation = 0u; invocation < 8u; invocation++) {
            let row = start.y + within(i, invocation);
            if row < params.rows {
                let base = row_bias(start.x, row);
                let row_start = row_start(start.x, row);
                store_columns(row_start, base, accumulate, start.z, lane, 0u, tile.left0.r0);
                store_columns(row_start, base, accumulate, start.z, lane, 4u, tile.right0.r0);
            }
            tile.left0 = next_row(tile.left0);
            tile.right0 = next_row(tile.right0);
        }
        tile = next_rows(tile);
    }
}
