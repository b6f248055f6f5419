// Tiles of 32 rows: see subgroup_tile.wgsl. There is no lower half, and what is loaded for it is not used.

const ROWS = 32u;

// For each of an invocation's rows, its sums with the columns of the left half and of the right.
struct Tile {
    left0: Sums,
    left1: Sums,
    left2: Sums,
    left3: Sums,
    right0: Sums,
    right1: Sums,
    right2: Sums,
    right3: Sums,
}

// Adds four k of the whole tile. Each column of `upper` and `lower` is a row of a, each of `left` and `right` one k of b.
fn add_tile(tile: Tile, upper: mat4x4<f32>, lower: mat4x4<f32>, left: mat4x4<f32>, right: mat4x4<f32>) -> Tile {
    return Tile(
        add_products(tile.left0, upper[0], left),
        add_products(tile.left1, upper[1], left),
        add_products(tile.left2, upper[2], left),
        add_products(tile.left3, upper[3], left),
        add_products(tile.right0, upper[0], right),
        add_products(tile.right1, upper[1], right),
        add_products(tile.right2, upper[2], right),
        add_products(tile.right3, upper[3], right),
    );
}

fn next_rows(tile: Tile) -> Tile {
    return Tile(
        tile.left1, tile.left2, tile.left3, tile.left0,
        tile.right1, tile.right2, tile.right3, tile.right0,
    );
}
