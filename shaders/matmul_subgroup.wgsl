// Matrix products by subgroups of 8, for adapters that run on the CPU: there a load costs as much as a dozen multiplications, and a
// broadcast next to nothing.
//
// Operands: shared/matmul.wgsl. The elements of a row of a, and of a column of b, lie one behind another in whole quads: a_depth and
// b_depth are 1, depth and all other strides and starts multiples of 4.
//
// One workgroup, which is one subgroup, does a tile of 32 rows and 64 columns. Each invocation loads four rows of a, eight apart, for
// all, and does eight columns, eight apart. Tiles are numbered by row, column, batch.

@group(0) @binding(1) var<storage, read> a: array<Quad>;
@group(0) @binding(2) var<storage, read> b: array<Quad>;

const ROWS = 32u;
const COLUMNS = 64u;

// Eight rows of sums, each for four columns.
struct Sums {
    r0: vec4<f32>,
    r1: vec4<f32>,
    r2: vec4<f32>,
    r3: vec4<f32>,
    r4: vec4<f32>,
    r5: vec4<f32>,
    r6: vec4<f32>,
    r7: vec4<f32>,
}

// Adds four k of eight rows, of which each invocation brings one, times four columns.
fn add_products(sums: Sums, row: vec4<f32>, columns: mat4x4<f32>) -> Sums {
    return Sums(
        sums.r0 + subgroupBroadcast(row, 0u) * columns,
        sums.r1 + subgroupBroadcast(row, 1u) * columns,
        sums.r2 + subgroupBroadcast(row, 2u) * columns,
        sums.r3 + subgroupBroadcast(row, 3u) * columns,
        sums.r4 + subgroupBroadcast(row, 4u) * columns,
        sums.r5 + subgroupBroadcast(row, 5u) * columns,
        sums.r6 + subgroupBroadcast(row, 6u) * columns,
        sums.r7 + subgroupBroadcast(row, 7u) * columns,
    );
}

// Stores a row of four columns, those from `column` on that exist, eight apart.
fn store_row(batch: u32, row: u32, column: u32, places: vec4<u32>, value: vec4<f32>) {
    if row >= params.rows {
        return;
    }
    let base = row_bias(batch, row);
    let start = row_start(batch, row);
    for (var i = 0u; i < 4u; i++) {
        if column + 8u * i < params.columns {
            store(start + places[i], base, value[i]);
        }
    }
}

fn store_rows(batch: u32, row: u32, column: u32, sums: Sums) {
    let places = vec4<u32>(place(column), place(column + 8u), place(column + 16u), place(column + 24u));
    store_row(batch, row, column, places, sums.r0);
    store_row(batch, row + 1u, column, places, sums.r1);
    store_row(batch, row + 2u, column, places, sums.r2);
    store_row(batch, row + 3u, column, places, sums.r3);
    store_row(batch, row + 4u, column, places, sums.r4);
    store_row(batch, row + 5u, column, places, sums.r5);
    store_row(batch, row + 6u, column, places, sums.r6);
    store_row(batch, row + 7u, column, places, sums.r7);
}

// The quad at which a row of a, or a column of b, starts; the last stands for those beyond it.
fn a_quad(batch: u32, row: u32) -> u32 {
    return (params.a_first + batch * params.a_batch + min(row, params.rows - 1u) * params.a_row) / 4u;
}

fn b_quad(batch: u32, column: u32) -> u32 {
    return (params.b_first + batch * params.b_batch + min(column, params.columns - 1u) * params.b_column) / 4u;
}

@compute @workgroup_size(8)
fn matmul_subgroup(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row_tiles = (params.rows + ROWS - 1u) / ROWS;
    let column_tiles = (params.columns + COLUMNS - 1u) / COLUMNS;
    let tile = linear_workgroup(workgroup, grid);
    // Uniform over the workgroup.
    if tile >= row_tiles * column_tiles * params.batch {
        return;
    }
    let row = tile % row_tiles * ROWS;
    let column = tile / row_tiles % column_tiles * COLUMNS + lane;
    let batch = tile / row_tiles / column_tiles;

    let a0 = a_quad(batch, row + lane);
    let a1 = a_quad(batch, row + 8u + lane);
    let a2 = a_quad(batch, row + 16u + lane);
    let a3 = a_quad(batch, row + 24u + lane);
    let b0 = b_quad(batch, column);
    let b1 = b_quad(batch, column + 8u);
    let b2 = b_quad(batch, column + 16u);
    let b3 = b_quad(batch, column + 24u);
    let b4 = b_quad(batch, column + 32u);
    let b5 = b_quad(batch, column + 40u);
    let b6 = b_quad(batch, column + 48u);
    let b7 = b_quad(batch, column + 56u);

    var left0: Sums;
    var left1: Sums;
    var left2: Sums;
    var left3: Sums;
    var right0: Sums;
    var right1: Sums;
    var right2: Sums;
    var right3: Sums;
    // A broadcast, since it is no uniform to lavapipe: see row_bias.
    let quads = subgroupBroadcast(params.depth / 4u, 0u);
    for (var k = 0u; k < quads; k++) {
        let left = mat4x4<f32>(unpack_quad(b[b0 + k]), unpack_quad(b[b1 + k]), unpack_quad(b[b2 + k]), unpack_quad(b[b3 + k]));
        let right = mat4x4<f32>(unpack_quad(b[b4 + k]), unpack_quad(b[b5 + k]), unpack_quad(b[b6 + k]), unpack_quad(b[b7 + k]));
        let rows0 = unpack_quad(a[a0 + k]);
        left0 = add_products(left0, rows0, left);
        right0 = add_products(right0, rows0, right);
        let rows1 = unpack_quad(a[a1 + k]);
        left1 = add_products(left1, rows1, left);
        right1 = add_products(right1, rows1, right);
        let rows2 = unpack_quad(a[a2 + k]);
        left2 = add_products(left2, rows2, left);
        right2 = add_products(right2, rows2, right);
        let rows3 = unpack_quad(a[a3 + k]);
        left3 = add_products(left3, rows3, left);
        right3 = add_products(right3, rows3, right);
    }
    store_rows(batch, row, column, left0);
    store_rows(batch, row + 8u, column, left1);
    store_rows(batch, row + 16u, column, left2);
    store_rows(batch, row + 24u, column, left3);
    store_rows(batch, row, column + 32u, right0);
    store_rows(batch, row + 8u, column + 32u, right1);
    store_rows(batch, row + 16u, column + 32u, right2);
    store_rows(batch, row + 24u, column + 32u, right3);
}
