// Matrix products by tiles in workgroup memory.
//
// a      element (batch, row, k) is a_first + batch * a_batch + row * a_row + k * a_depth
// b      element (batch, k, column) is b_first + batch * b_batch + k * b_depth + column * b_column
//
// How a and b are loaded is the variant's: matmul/parts/tiled_a_elements.wgsl and its like. Bias and output: matmul/parts/matmul.wgsl.
//
// One workgroup does a tile of 64 rows and 64 columns, one invocation 8 x 8 of it, DEPTH elements of the depth at a time. Tiles are numbered by row,
// column, batch.

struct Params {
    end: End,
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
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

const TILE = 64u;
const DEPTH = 16u;

// ((k, half of the tile), row / 4) and ((k, half), column / 4)
var<workgroup> a_tile: array<array<vec4<f32>, 8>, 2u * DEPTH>;
var<workgroup> b_tile: array<array<vec4<f32>, 8>, 2u * DEPTH>;

// Leaves those columns that exist; the others are 0.
fn cut(loaded: mat4x4<f32>, exist: vec4<bool>) -> mat4x4<f32> {
    let none = vec4<f32>(0.0);
    return mat4x4<f32>(
        select(none, loaded[0], exist.x),
        select(none, loaded[1], exist.y),
        select(none, loaded[2], exist.z),
        select(none, loaded[3], exist.w),
    );
}

// The sums of an invocation: eight rows, and two times four columns, half a tile apart.
struct Sums {
    left: array<vec4<f32>, 8>,
    right: array<vec4<f32>, 8>,
}

// Adds the products of one k.
fn multiply(sums: ptr<function, Sums>, k: u32, row: u32, column: u32) {
    let upper = a_tile[2u * k][row];
    let lower = a_tile[2u * k + 1u][row];
    let left = b_tile[2u * k][column];
    let right = b_tile[2u * k + 1u][column];
    (*sums).left[0] += upper.x * left;
    (*sums).right[0] += upper.x * right;
    (*sums).left[1] += upper.y * left;
    (*sums).right[1] += upper.y * right;
    (*sums).left[2] += upper.z * left;
    (*sums).right[2] += upper.z * right;
    (*sums).left[3] += upper.w * left;
    (*sums).right[3] += upper.w * right;
    (*sums).left[4] += lower.x * left;
    (*sums).right[4] += lower.x * right;
    (*sums).left[5] += lower.y * left;
    (*sums).right[5] += lower.y * right;
    (*sums).left[6] += lower.z * left;
    (*sums).right[6] += lower.z * right;
    (*sums).left[7] += lower.w * left;
    (*sums).right[7] += lower.w * right;
}

fn multiply_four(sums: ptr<function, Sums>, k: u32, row: u32, column: u32) {
    multiply(sums, k, row, column);
    multiply(sums, k + 1u, row, column);
    multiply(sums, k + 2u, row, column);
    multiply(sums, k + 3u, row, column);
}

// Four columns of the output from `column` on: where they lie in a row, and which there are.
struct Columns {
    offset: vec4<u32>,
    exist: vec4<bool>,
    base: vec4<f32>,
}

fn columns_from(batch: u32, column: u32) -> Columns {
    var at = divide(params.end.column_first + column, params.end.plane);
    var offset = vec4<u32>(0u);
    for (var i = 0u; i < 4u; i++) {
        offset = vec4<u32>(offset.yzw, at.x * params.end.output_plane + at.y);
        let over = at.y + 1u == params.end.plane;
        at = vec2<u32>(at.x + u32(over), select(at.y + 1u, 0u, over));
    }
    let columns = vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u);
    return Columns(offset, columns < vec4<u32>(params.columns), column_biases(batch, column));
}

// Stores an element, if it exists: its sum, and its bias or what it held before, chosen as in row_bias, put through the function.
fn store(exists: bool, at: u32, base: f32, sum: f32) {
    if exists {
        output[at] = activated(select(base, output[at], params.end.accumulate != 0u) + sum, params.end.activation);
    }
}

fn store_quad(columns: Columns, start: u32, base: f32, sums: vec4<f32>) {
    store(columns.exist.x, start + columns.offset.x, base + columns.base.x, sums.x);
    store(columns.exist.y, start + columns.offset.y, base + columns.base.y, sums.y);
    store(columns.exist.z, start + columns.offset.z, base + columns.base.z, sums.z);
    store(columns.exist.w, start + columns.offset.w, base + columns.base.w, sums.w);
}

// Stores the sums, row by row.
fn store_sums(batch: u32, row_first: u32, column: u32, sums: ptr<function, Sums>) {
    let left = columns_from(batch, column);
    let right = columns_from(batch, column + TILE / 2u);
    for (var i = 0u; i < 8u; i++) {
        let row = row_first + i % 4u + i / 4u * (TILE / 2u);
        if row < params.rows {
            let base = row_bias(batch, row);
            let start = row_start(batch, row);
            store_quad(left, start, base, (*sums).left[0]);
            store_quad(right, start, base, (*sums).right[0]);
        }
        (*sums).left[0] = (*sums).left[1];
        (*sums).left[1] = (*sums).left[2];
        (*sums).left[2] = (*sums).left[3];
        (*sums).left[3] = (*sums).left[4];
        (*sums).left[4] = (*sums).left[5];
        (*sums).left[5] = (*sums).left[6];
        (*sums).left[6] = (*sums).left[7];
        (*sums).right[0] = (*sums).right[1];
        (*sums).right[1] = (*sums).right[2];
        (*sums).right[2] = (*sums).right[3];
        (*sums).right[3] = (*sums).right[4];
        (*sums).right[4] = (*sums).right[5];
        (*sums).right[5] = (*sums).right[6];
        (*sums).right[6] = (*sums).right[7];
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
    // Rows and columns beyond the last are loaded like others, wherever that is, and not stored.
    var a_at = params.a_first + batch * params.a_batch + a_start(row_tile, lane);
    var b_at = params.b_first + batch * params.b_batch + b_start(column_tile, lane);

    // Of the tile: two times four rows and two times four columns, half a tile apart.
    let lane_row = lane / 8u;
    let lane_column = lane % 8u;
    var sums = Sums();
    for (var k = 0u; k < params.depth; k += DEPTH) {
        var a_loaded = load_a(a_at);
        var b_loaded = load_b(b_at);
        a_at += a_step();
        b_at += b_step();
        if params.depth - k < DEPTH {
            a_loaded = cut_a(a_loaded, params.depth - k, lane);
            b_loaded = cut_b(b_loaded, params.depth - k, lane);
        }
        keep_a(a_loaded, lane);
        keep_b(b_loaded, lane);
        workgroupBarrier();
        multiply_four(&sums, 0u, lane_row, lane_column);
        multiply_four(&sums, 4u, lane_row, lane_column);
        multiply_four(&sums, 8u, lane_row, lane_column);
        multiply_four(&sums, 12u, lane_row, lane_column);
        workgroupBarrier();
    }
    store_sums(batch, row_tile + 4u * lane_row, column_tile + 4u * lane_column, &sums);
}
