// The tile of the products by subgroups of 8, for adapters that run on the CPU: there a load costs as much as dozens of
// multiplications, and a broadcast next to nothing.
//
// One workgroup, which is one subgroup, does a tile of 64 rows and 64 columns. Each invocation loads eight rows of a for all, and does
// eight columns. Rows and columns alike come in two halves of 32, in which the i-th of an invocation's four lies at
// i * ACROSS + invocation * ALONG: constants of the kernel. Tiles are numbered by row, column, batch.

const ROWS = 64u;
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

// For each of an invocation's eight rows, its sums with the columns of the left half and of the right.
struct Tile {
    left0: Sums,
    left1: Sums,
    left2: Sums,
    left3: Sums,
    left4: Sums,
    left5: Sums,
    left6: Sums,
    left7: Sums,
    right0: Sums,
    right1: Sums,
    right2: Sums,
    right3: Sums,
    right4: Sums,
    right5: Sums,
    right6: Sums,
    right7: Sums,
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

// Adds four k of the whole tile. Each column of `upper` and `lower` is a row of a, each of `left` and `right` one k of b.
fn add_tile(tile: Tile, upper: mat4x4<f32>, lower: mat4x4<f32>, left: mat4x4<f32>, right: mat4x4<f32>) -> Tile {
    return Tile(
        add_products(tile.left0, upper[0], left),
        add_products(tile.left1, upper[1], left),
        add_products(tile.left2, upper[2], left),
        add_products(tile.left3, upper[3], left),
        add_products(tile.left4, lower[0], left),
        add_products(tile.left5, lower[1], left),
        add_products(tile.left6, lower[2], left),
        add_products(tile.left7, lower[3], left),
        add_products(tile.right0, upper[0], right),
        add_products(tile.right1, upper[1], right),
        add_products(tile.right2, upper[2], right),
        add_products(tile.right3, upper[3], right),
        add_products(tile.right4, lower[0], right),
        add_products(tile.right5, lower[1], right),
        add_products(tile.right6, lower[2], right),
        add_products(tile.right7, lower[3], right),
    );
}

fn next_row(sums: Sums) -> Sums {
    return Sums(sums.r1, sums.r2, sums.r3, sums.r4, sums.r5, sums.r6, sums.r7, sums.r0);
}

fn next_rows(tile: Tile) -> Tile {
    return Tile(
        tile.left1, tile.left2, tile.left3, tile.left4, tile.left5, tile.left6, tile.left7, tile.left0,
        tile.right1, tile.right2, tile.right3, tile.right4, tile.right5, tile.right6, tile.right7, tile.right0,
    );
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

// Stores a row's columns of this invocation, those that exist. A load is left out where it can be.
fn store_columns(start: u32, base: f32, accumulate: bool, column: u32, lane: u32, first: u32, values: vec4<f32>) {
    for (var i = 0u; i < 4u; i++) {
        let at = column + within(first + i, lane);
        if at < params.columns {
            var held = base;
            if accumulate {
                held = output[start + place(at)];
            }
            output[start + place(at)] = held + values[i];
        }
    }
}

// Few sites of loads and stores, in loops: lavapipe compiles each for long.
fn store_tile(start: vec3<u32>, lane: u32, sums: Tile) {
    let accumulate = no_uniform(params.accumulate) != 0u;
    var tile = sums;
    for (var i = 0u; i < 8u; i++) {
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
