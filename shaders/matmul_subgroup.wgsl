// Matrix products by subgroups of 8 whose depth is the inner axis of both operands in memory.
//
// Operands: shared/matmul.wgsl. The elements of a row of a, and of a column of b, lie one behind another in whole quads: a_depth and
// b_depth are 1, depth and all other strides and starts multiples of 4.
//
// The tile: shared/subgroup_tile.wgsl. An invocation's four rows of a half, and its four columns, are eight apart.

@group(0) @binding(2) var<storage, read> b: array<Quad>;

const ACROSS = 8u;
const ALONG = 1u;

// The quads at which columns of b start; the last stands for those beyond it.
fn b_quads(batch: u32, column: u32) -> vec4<u32> {
    let columns = min(column + ACROSS * vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.columns - 1u));
    return (params.b_first + batch * params.b_batch + columns * params.b_column) / 4u;
}

// Four quads; each becomes a column of the matrix.
fn load_b(at: vec4<u32>) -> mat4x4<f32> {
    return mat4x4<f32>(unpack_quad(b[at.x]), unpack_quad(b[at.y]), unpack_quad(b[at.z]), unpack_quad(b[at.w]));
}

@compute @workgroup_size(8)
fn matmul_subgroup(
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
    let left = b_quads(start.x, column);
    let right = b_quads(start.x, column + 32u);

    var tile: Tile;
    let quads = no_uniform(params.depth / 4u);
    for (var k = 0u; k < quads; k++) {
        tile = add_tile(tile, load_a(upper + k), load_a(lower + k), transpose(load_b(left + k)), transpose(load_b(right + k)));
    }
    store_tile(start, lane, tile);
}
