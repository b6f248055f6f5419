// Stores tiles of 6 x 6 for products: conv/winograd/points.wgsl.

// The columns of a tile.
struct Tile {
    c0: Six,
    c1: Six,
    c2: Six,
    c3: Six,
    c4: Six,
    c5: Six,
}

// The first, or the second where that is asked for.
fn either(second: bool, a: Six, b: Six) -> Six {
    return Six(
        select(a.v0, b.v0, second),
        select(a.v1, b.v1, second),
        select(a.v2, b.v2, second),
        select(a.v3, b.v3, second),
        select(a.v4, b.v4, second),
        select(a.v5, b.v5, second),
    );
}

// Stores a quad of a tile, whose first element is at an address, and whose others are `next` apart. In a loop, since lavapipe compiles each site of
// a store for long; columns are selected, and not shifted, since what a loop changes is blended with what it was by each iteration.
fn store_tile(first: u32, next: u32, tile: Tile) {
    var at = first;
    var i = 0u;
    loop {
        let odd = i % 2u == 1u;
        let left = either(i >= 2u, either(odd, tile.c0, tile.c1), either(odd, tile.c2, tile.c3));
        let column = either(i >= 4u, left, either(odd, tile.c4, tile.c5));
        store_made(at, column.v0);
        store_made(at + next, column.v1);
        store_made(at + 2u * next, column.v2);
        store_made(at + 3u * next, column.v3);
        store_made(at + 4u * next, column.v4);
        store_made(at + 5u * next, column.v5);
        at += 6u * next;
        i++;
        if i >= 6u {
            break;
        }
    }
}
