// Matrix products by tiles in workgroup memory.
//
// a      element (batch, row, k) is a_first + batch * a_batch + row * a_row + k * a_depth
// b      element (batch, k, column) is b_first + batch * b_batch + k * b_depth + column * b_column
//
// Bias and output: matmul/parts/matmul.wgsl. One workgroup does a tile of 64 rows and 64 columns, one invocation 8 x 8 of it. Tiles are numbered by row, column, batch.

struct Params {
    rows: u32,
    columns: u32,
    depth: u32,
    batch: u32,
    a_first: u32,
    a_batch: u32,
    a_row: u32,
    a_depth: u32,
    b_first: u32,
    b_batch: u32,
    b_depth: u32,
    b_column: u32,
    output_first: u32,
    output_batch: u32,
    output_row: u32,
    column_first: u32,
    plane: u32,
    output_plane: u32,
    biased: u32,
    accumulate: u32,
    bias_first: u32,
    bias_batch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;

const TILE = 64u;
const DEPTH = 16u;

// (k, row / 4) and (k, column / 4)
var<workgroup> a_tile: array<vec4<f32>, 256>;
var<workgroup> b_tile: array<vec4<f32>, 256>;

// Beyond the edges, a and b are 0.
fn a_at(start: u32, row: u32, k: u32) -> f32 {
    if row < params.rows && k < params.depth {
        return a[start + row * params.a_row + k * params.a_depth];
    }
    return 0.0;
}

fn b_at(start: u32, k: u32, column: u32) -> f32 {
    if k < params.depth && column < params.columns {
        return b[start + k * params.b_depth + column * params.b_column];
    }
    return 0.0;
}

// Stores an element: its sum, and the row's bias or what it held before. Chosen as in row_bias.
fn store(at: u32, base: f32, sum: f32) {
    output[at] = select(base, output[at], params.accumulate != 0u) + sum;
}

// Stores four columns from `column` on, and four half a tile further.
fn store_row(batch: u32, row: u32, column: u32, left: vec4<f32>, right: vec4<f32>) {
    if row >= params.rows {
        return;
    }
    let base = row_bias(batch, row);
    let start = row_start(batch, row);
    for (var j = 0u; j < 8u; j++) {
        let at = column + j % 4u + j / 4u * (TILE / 2u);
        if at < params.columns {
            let value = select(left, right, j >= 4u)[j % 4u];
            store(start + column_offset(at), base, value);
        }
    }
}

@compute @workgroup_size(64)
fn matmul_tiled(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row_tiles = (params.rows + TILE - 1u) / TILE;
    let column_tiles = (params.columns + TILE - 1u) / TILE;
    let tile = linear_workgroup(workgroup, grid);
    // Uniform over the workgroup.
    if tile >= row_tiles * column_tiles * params.batch {
        return;
    }
    let row_tile = tile % row_tiles * TILE;
    let column_tile = tile / row_tiles % column_tiles * TILE;
    let batch = tile / row_tiles / column_tiles;
    let a_start = params.a_first + batch * params.a_batch;
    let b_start = params.b_first + batch * params.b_batch;

    // Of the output tile: two times four rows, two times four columns, half a tile apart.
    let lane_row = lane / 8u;
    let lane_column = lane % 8u;
    var acc0 = vec4<f32>(0.0);
    var acc1 = vec4<f32>(0.0);
    var acc2 = vec4<f32>(0.0);
    var acc3 = vec4<f32>(0.0);
    var acc4 = vec4<f32>(0.0);
    var acc5 = vec4<f32>(0.0);
    var acc6 = vec4<f32>(0.0);
    var acc7 = vec4<f32>(0.0);
    var acc8 = vec4<f32>(0.0);
    var acc9 = vec4<f32>(0.0);
    var acc10 = vec4<f32>(0.0);
    var acc11 = vec4<f32>(0.0);
    var acc12 = vec4<f32>(0.0);
    var acc13 = vec4<f32>(0.0);
    var acc14 = vec4<f32>(0.0);
    var acc15 = vec4<f32>(0.0);

    for (var k_start = 0u; k_start < params.depth; k_start += DEPTH) {
        // Each invocation loads one k of four times four rows and columns.
        let lane_k = lane % DEPTH;
        let k = k_start + lane_k;
        for (var quad = lane / DEPTH; quad < TILE / 4u; quad += 4u) {
            let row = row_tile + quad * 4u;
            let column = column_tile + quad * 4u;
            let a_value = vec4<f32>(
                a_at(a_start, row, k), a_at(a_start, row + 1u, k), a_at(a_start, row + 2u, k), a_at(a_start, row + 3u, k),
            );
            let b_value = vec4<f32>(
                b_at(b_start, k, column), b_at(b_start, k, column + 1u), b_at(b_start, k, column + 2u), b_at(b_start, k, column + 3u),
            );
            a_tile[lane_k * 16u + quad] = a_value;
            b_tile[lane_k * 16u + quad] = b_value;
        }
        workgroupBarrier();
        for (var i = 0u; i < DEPTH; i++) {
            let left0 = a_tile[i * 16u + lane_row];
            let left1 = a_tile[i * 16u + lane_row + 8u];
            let right0 = b_tile[i * 16u + lane_column];
            let right1 = b_tile[i * 16u + lane_column + 8u];
            acc0 += left0.x * right0;
            acc1 += left0.x * right1;
            acc2 += left0.y * right0;
            acc3 += left0.y * right1;
            acc4 += left0.z * right0;
            acc5 += left0.z * right1;
            acc6 += left0.w * right0;
            acc7 += left0.w * right1;
            acc8 += left1.x * right0;
            acc9 += left1.x * right1;
            acc10 += left1.y * right0;
            acc11 += left1.y * right1;
            acc12 += left1.z * right0;
            acc13 += left1.z * right1;
            acc14 += left1.w * right0;
            acc15 += left1.w * right1;
        }
        workgroupBarrier();
    }

    store_row(batch, row_tile + lane_row * 4u, column_tile + lane_column * 4u, acc0, acc1);
    store_row(batch, row_tile + lane_row * 4u + 1u, column_tile + lane_column * 4u, acc2, acc3);
    store_row(batch, row_tile + lane_row * 4u + 2u, column_tile + lane_column * 4u, acc4, acc5);
    store_row(batch, row_tile + lane_row * 4u + 3u, column_tile + lane_column * 4u, acc6, acc7);
    store_row(batch, row_tile + lane_row * 4u + 32u, column_tile + lane_column * 4u, acc8, acc9);
    store_row(batch, row_tile + lane_row * 4u + 33u, column_tile + lane_column * 4u, acc10, acc11);
    store_row(batch, row_tile + lane_row * 4u + 34u, column_tile + lane_column * 4u, acc12, acc13);
    store_row(batch, row_tile + lane_row * 4u + 35u, column_tile + lane_column * 4u, acc14, acc15);
}
