// Matrix products by tiles in workgroup memory: output = a b, plus a bias for each row.
//
// a      element (batch, row, k) is a_first + batch * a_batch + row * a_row + k * a_depth
// b      element (batch, k, column) is b_first + batch * b_batch + k * b_depth + column * b_column
// bias   element (batch, row) is bias_first + batch * bias_batch + row; not read where biased is 0
// output element (batch, row, column) is output_first + batch * output_batch + row * output_row, plus the place of
//        c = column_first + column: columns come in blocks, c / block * output_block + c % block
//
// One workgroup does a tile of 64 rows and 64 columns, one invocation 8 x 8 of it. Tiles are numbered by row, column, batch.

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
    block: u32,
    output_block: u32,
    biased: u32,
    bias_first: u32,
    bias_batch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

const TILE = 64u;
const DEPTH = 16u;

// (k, row / 4) and (k, column / 4)
var<workgroup> a_tile: array<vec4<f32>, 256>;
var<workgroup> b_tile: array<vec4<f32>, 256>;

// Stores four columns from `column` on, and four half a tile further.
fn store_row(batch: u32, row: u32, column: u32, left: vec4<f32>, right: vec4<f32>) {
    if row >= params.rows {
        return;
    }
    var base = 0.0;
    if params.biased != 0u {
        base = bias[params.bias_first + batch * params.bias_batch + row];
    }
    let row_first = params.output_first + batch * params.output_batch + row * params.output_row;
    for (var j = 0u; j < 8u; j++) {
        let at = column + j % 4u + j / 4u * (TILE / 2u);
        if at < params.columns {
            let c = params.column_first + at;
            let value = select(left, right, j >= 4u)[j % 4u];
            output[row_first + c / params.block * params.output_block + c % params.block] = base + value;
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
    let row_start = tile % row_tiles * TILE;
    let column_start = tile / row_tiles % column_tiles * TILE;
    let batch = tile / row_tiles / column_tiles;
    let a_start = params.a_first + batch * params.a_batch;
    let b_start = params.b_first + batch * params.b_batch;

    // Of the output tile: two times four rows, two times four columns, half a tile apart.
    let lane_row = lane / 8u;
    let lane_column = lane % 8u;
    var acc: array<vec4<f32>, 16>;

    for (var k_start = 0u; k_start < params.depth; k_start += DEPTH) {
        // Each invocation loads one k of four times four rows and columns. Beyond the edges it is 0.
        let lane_k = lane % DEPTH;
        let k = k_start + lane_k;
        for (var quad = lane / DEPTH; quad < TILE / 4u; quad += 4u) {
            var a_value = vec4<f32>(0.0);
            var b_value = vec4<f32>(0.0);
            if k < params.depth {
                for (var i = 0u; i < 4u; i++) {
                    let row = row_start + quad * 4u + i;
                    if row < params.rows {
                        a_value[i] = a[a_start + row * params.a_row + k * params.a_depth];
                    }
                    let column = column_start + quad * 4u + i;
                    if column < params.columns {
                        b_value[i] = b[b_start + k * params.b_depth + column * params.b_column];
                    }
                }
            }
            a_tile[lane_k * 16u + quad] = a_value;
            b_tile[lane_k * 16u + quad] = b_value;
        }
        workgroupBarrier();
        for (var i = 0u; i < DEPTH; i++) {
            let left0 = a_tile[i * 16u + lane_row];
            let left1 = a_tile[i * 16u + lane_row + 8u];
            let right0 = b_tile[i * 16u + lane_column];
            let right1 = b_tile[i * 16u + lane_column + 8u];
            acc[0] += left0.x * right0;
            acc[1] += left0.x * right1;
            acc[2] += left0.y * right0;
            acc[3] += left0.y * right1;
            acc[4] += left0.z * right0;
            acc[5] += left0.z * right1;
            acc[6] += left0.w * right0;
            acc[7] += left0.w * right1;
            acc[8] += left1.x * right0;
            acc[9] += left1.x * right1;
            acc[10] += left1.y * right0;
            acc[11] += left1.y * right1;
            acc[12] += left1.z * right0;
            acc[13] += left1.z * right1;
            acc[14] += left1.w * right0;
            acc[15] += left1.w * right1;
        }
        workgroupBarrier();
    }

    store_row(batch, row_start + lane_row * 4u + 0u, column_start + lane_column * 4u, acc[0], acc[1]);
    store_row(batch, row_start + lane_row * 4u + 1u, column_start + lane_column * 4u, acc[2], acc[3]);
    store_row(batch, row_start + lane_row * 4u + 2u, column_start + lane_column * 4u, acc[4], acc[5]);
    store_row(batch, row_start + lane_row * 4u + 3u, column_start + lane_column * 4u, acc[6], acc[7]);
    store_row(batch, row_start + lane_row * 4u + 32u, column_start + lane_column * 4u, acc[8], acc[9]);
    store_row(batch, row_start + lane_row * 4u + 33u, column_start + lane_column * 4u, acc[10], acc[11]);
    store_row(batch, row_start + lane_row * 4u + 34u, column_start + lane_column * 4u, acc[12], acc[13]);
    store_row(batch, row_start + lane_row * 4u + 35u, column_start + lane_column * 4u, acc[14], acc[15]);
}
