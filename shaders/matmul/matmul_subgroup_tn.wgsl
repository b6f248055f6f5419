// Matrix products by subgroups of 8 of operands whose rows are the depth: a transposed, times b.
//
// Operands, tile and numbering: matmul/subgroup/tile.wgsl.

@compute @workgroup_size(8)
fn matmul_subgroup_tn(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let start = tile_start(linear_workgroup(workgroup, grid));
    // Uniform over the workgroup.
    if start.x >= params.batch {
        return;
    }
    let rows = a_start(start.x, start.y + a_within(0u, lane));
    let left = b_start(start.x, start.z + b_within(0u, lane));
    let right = b_start(start.x, start.z + 32u + b_within(0u, lane));

    var tile: Tile;
    let depth = no_uniform(params.depth);
    var k = 0u;
    loop {
        tile = add_tile(tile, a_rows(rows, k), b_columns(left, k), b_columns(right, k));
        continuing {
            k += 4u;
            break if k >= depth;
        }
    }
    store_tile(start, lane, tile);
}
