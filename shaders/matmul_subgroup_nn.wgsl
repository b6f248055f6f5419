// Matrix products by subgroups of 8 of matrices that are both stored row by row: the depth is the inner axis of a in memory and the outer
// one of b.
//
// Operands: shared/matmul.wgsl. a_depth and b_column are 1; columns, depth and all other strides and starts multiples of 4, those of the
// output too.
//
// The tile: shared/subgroup_tile.wgsl. An invocation's four rows of a half lie side by side, and its four columns are a quad.

const ACROSS = 1u;
const ALONG = 4u;

@compute @workgroup_size(8)
fn matmul_subgroup_nn(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let start = tile_start(linear_workgroup(workgroup, grid));
    // Uniform over the workgroup.
    if start.x >= params.batch {
        return;
    }
    let row = start.y + within(0u, lane);
    let column = start.z + within(0u, lane);
    let upper = a_quads(start.x, row);
    let lower = a_quads(start.x, row + 32u);
    let b_left = b_quad(start.x, column);
    let b_right = b_quad(start.x, column + 32u);

    var tile: Tile;
    let quads = no_uniform(params.depth / 4u);
    for (var k = 0u; k < quads; k++) {
        let b_at = (4u * k + vec4<u32>(0u, 1u, 2u, 3u)) * (params.b_depth / 4u);
        let all = vec4<bool>(true);
        tile = add_tile(tile, load_a(upper + k), load_a(lower + k), load_b(b_left + b_at, all), load_b(b_right + b_at, all));
    }
    store_tile(start, lane, tile);
}
