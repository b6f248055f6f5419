// Input tiles of a convolution by conv/winograd/points.wgsl: B d of each quad of channels of 6 x 6 pixels, 4 pixels apart.
//
// input  conv/winograd/planes.wgsl, texels.wgsl
// made   (number in the tile, group, tile, quad of the group) quads: shared/rows/made.wgsl
//
// Tiles that are made are counted from the strip's first. One invocation does a quad of a tile.

struct Params {
    grid: TileGrid,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

// Along one axis.
fn transformed(d: Six) -> Six {
    let even_p = d.v4 - QQ * d.v2;
    let odd_p = P * (d.v3 - QQ * d.v1);
    let even_q = d.v4 - PP * d.v2;
    let odd_q = Q * (d.v3 - PP * d.v1);
    return Six(
        PP * QQ * d.v0 - (PP + QQ) * d.v2 + d.v4,
        even_p + odd_p,
        even_p - odd_p,
        even_q + odd_q,
        even_q - odd_q,
        PP * QQ * d.v1 - (PP + QQ) * d.v3 + d.v5,
    );
}

// A row of a tile.
fn row(planes: Planes, y: u32, x: u32) -> Six {
    return transformed(pixels(planes, y, x));
}

@compute @workgroup_size(64)
fn winograd_input(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + local;
    let by_quad = divide(invocation / TILES_TOGETHER, params.grid.quads);
    let of_dispatch = by_quad.x * TILES_TOGETHER + invocation % TILES_TOGETHER;
    if of_dispatch >= params.grid.tiles {
        return;
    }
    let tile = params.grid.tile_first + of_dispatch;
    let place = place_of(tile);
    let by_group = divide(params.grid.quad_first + by_quad.y, params.grid.group_quads);
    let planes = planes_of(place.image, by_group.x, by_group.y);
    let y = place.y - params.grid.padding_top;
    let x = place.x - params.grid.padding_left;

    let r0 = row(planes, y, x);
    let r1 = row(planes, y + 1u, x);
    let r2 = row(planes, y + 2u, x);
    let r3 = row(planes, y + 3u, x);
    let r4 = row(planes, y + 4u, x);
    let r5 = row(planes, y + 5u, x);
    let columns = Tile(
        transformed(Six(r0.v0, r1.v0, r2.v0, r3.v0, r4.v0, r5.v0)),
        transformed(Six(r0.v1, r1.v1, r2.v1, r3.v1, r4.v1, r5.v1)),
        transformed(Six(r0.v2, r1.v2, r2.v2, r3.v2, r4.v2, r5.v2)),
        transformed(Six(r0.v3, r1.v3, r2.v3, r3.v3, r4.v3, r5.v3)),
        transformed(Six(r0.v4, r1.v4, r2.v4, r3.v4, r4.v4, r5.v4)),
        transformed(Six(r0.v5, r1.v5, r2.v5, r3.v5, r4.v5, r5.v5)),
    );
    let matrix = params.grid.strip_tiles * params.grid.group_quads;
    let first = by_group.x * matrix + (tile - params.grid.strip_first) * params.grid.group_quads + by_group.y;
    store_tile(first, params.grid.groups * matrix, columns);
}
