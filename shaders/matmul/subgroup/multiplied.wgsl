// The sums of a tile of a product of matrices: tile.wgsl.

// The sums of this invocation. `start` is the batch, the first row and the first column.
fn multiplied(start: vec3<u32>, lane: u32) -> Tile {
    let rows = a_start(start.x, start.y + a_within(0u, lane));
    let left = b_start(start.x, start.z + b_within(0u, lane));
    let right = b_start(start.x, start.z + HALF + b_within(0u, lane));

    var tile: Tile;
    let depth = no_uniform(params.depth);
    var k = 0u;
    loop {
        tile = add_tile(tile, a_rows(rows, k), b_columns(left, k), b_columns(right, k));
        k += 4u;
        if k >= depth {
            break;
        }
    }
    return tile;
}
