// Matrix products by subgroups of 8 whose depth is the outer axis of both operands in memory: a transposed, times b, each stored row by
// row.
//
// Operands: shared/matmul.wgsl. Rows of a, and columns of b, lie one behind another in whole quads: a_row and b_column are 1; rows,
// columns and all other strides and starts multiples of 4.
//
// The tile: shared/subgroup_tile.wgsl. An invocation's four rows of a half, and its four columns, are a quad.

@group(0) @binding(1) var<storage, read> a: array<Quad>;
@group(0) @binding(2) var<storage, read> b: array<Quad>;

const ACROSS = 1u;
const ALONG = 4u;

// A quad, 0 where there is none.
fn a_at(at: u32, exists: bool) -> vec4<f32> {
    var quad: Quad;
    if exists {
        quad = a[at];
    }
    return unpack_quad(quad);
}

fn b_at(at: u32, exists: bool) -> vec4<f32> {
    var quad: Quad;
    if exists {
        quad = b[at];
    }
    return unpack_quad(quad);
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
    let a_step = params.a_depth / 4u;
    let b_step = params.b_depth / 4u;
    var a_next = (params.a_first + start.x * params.a_batch + row) / 4u;
    var b_next = (params.b_first + start.x * params.b_batch + column) / 4u;

    var tile: Tile;
    let depth = no_uniform(params.depth);
    for (var k = 0u; k < depth; k += 4u) {
        var upper: mat4x4<f32>;
        var lower: mat4x4<f32>;
        var left: mat4x4<f32>;
        var right: mat4x4<f32>;
        for (var i = 0u; i < 4u; i++) {
            let exists = k + i < depth;
            upper[i] = a_at(a_next, exists && row < params.rows);
            lower[i] = a_at(a_next + 8u, exists && row + 32u < params.rows);
            left[i] = b_at(b_next, exists && column < params.columns);
            right[i] = b_at(b_next + 8u, exists && column + 32u < params.columns);
            a_next += a_step;
            b_next += b_step;
        }
        tile = add_tile(tile, transpose(upper), transpose(lower), left, right);
    }
    store_tile(start, lane, tile);
}
