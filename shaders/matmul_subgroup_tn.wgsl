// Matrix products by subgroups of 8 whose depth is the outer axis of both operands in memory: a transposed, times b, each stored row by
// row.
//
// Operands: shared/matmul.wgsl. Rows of a, and columns of b, lie one behind another in whole quads: a_row and b_column are 1; rows,
// columns and all other strides and starts multiples of 4, those of the output too.
//
// The tile: shared/subgroup_tile.wgsl. An invocation's four rows of a half, and its four columns, are a quad.

@group(0) @binding(1) var<storage, read> a: array<Quad>;

const ACROSS = 1u;
const ALONG = 4u;

// The first quad of a's rows from one on; the last quad stands for those beyond it.
fn a_quad(batch: u32, row: u32) -> u32 {
    return (params.a_first + batch * params.a_batch + min(row, params.rows - 4u)) / 4u;
}

// Four quads, 0 for those that do not exist; each becomes a column of the matrix.
fn load_a(at: vec4<u32>, exist: vec4<bool>) -> mat4x4<f32> {
    return mat4x4<f32>(
        select(vec4<f32>(), unpack_quad(a[at.x]), exist.x),
        select(vec4<f32>(), unpack_quad(a[at.y]), exist.y),
        select(vec4<f32>(), unpack_quad(a[at.z]), exist.z),
        select(vec4<f32>(), unpack_quad(a[at.w]), exist.w),
    );
}

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
    let row = start.y + within(0u, lane);
    let column = start.z + within(0u, lane);
    let a_upper = a_quad(start.x, row);
    let a_lower = a_quad(start.x, row + 32u);
    let b_left = b_quad(start.x, column);
    let b_right = b_quad(start.x, column + 32u);

    var tile: Tile;
    let depth = no_uniform(params.depth);
    for (var k = 0u; k < depth; k += 4u) {
        let four = k + vec4<u32>(0u, 1u, 2u, 3u);
        let exist = four < vec4<u32>(depth);
        let a_at = min(four, vec4<u32>(depth - 1u)) * (params.a_depth / 4u);
        let b_at = min(four, vec4<u32>(depth - 1u)) * (params.b_depth / 4u);
        let upper = transpose(load_a(a_upper + a_at, exist));
        let lower = transpose(load_a(a_lower + a_at, exist));
        tile = add_tile(tile, upper, lower, load_b(b_left + b_at, exist), load_b(b_right + b_at, exist));
    }
    store_tile(start, lane, tile);
}
