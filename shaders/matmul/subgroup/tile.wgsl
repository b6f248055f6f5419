// The tile of the products by subgroups, for adapters that run on the CPU: there a load costs as much as dozens of
// multiplications, and a broadcast next to nothing.
//
// a and b are matrices in quads along their rows, in panels: shared/panels/layout.wgsl. Each is read one of two ways:
//
// along   the operand's vectors (rows of a, columns of b) are rows of its matrix, and their elements lie along them:
//         matmul/subgroup/a_along.wgsl, b_along.wgsl
// across  the rows of its matrix are the depth, and a quad has four vectors: a_across.wgsl, b_across.wgsl
//
// a that is read along and b that is read across may also lie in lines, row by row, x_quads texels apart: a_lines.wgsl, b_lines.wgsl. They need neither x_first
// nor x_row nor x_quad.
//
// The kernel's Params: params.wgsl, or its own.
//
// x_first   address at which the matrices of operand x start; batches are x_batch apart
// x_row     row of the matrix that is the first vector, or k 0; x_quad quad that is k 0, or the first four vectors
// x_quads   quads of a row
//
// One workgroup, which is one subgroup, does a tile of 16 rows and two halves of columns. Each invocation loads its share of the rows of a for
// all, and does eight columns, four of each half: x_within says which. How an element is summed depends on the depth alone. A loop over a larger tile
// does not fit the caches in which a CPU keeps its instructions, and waits for them.
//
// Tiles are numbered by row, column, batch, or, where by_columns is 1, by column, row, batch: for columns that stay in a core's cache, and rows that do not.
//
// How many invocations there are, and what depends on that: matmul/parts/subgroup_of_4.wgsl, subgroup_of_8.wgsl.

const ROWS = 16u;

// The columns of half a tile.
const HALF = 4u * INVOCATIONS;
const COLUMNS = 2u * HALF;

// Sums of a row with an invocation's four columns of the left half, and of the right.
struct Sums {
    left: vec4<f32>,
    right: vec4<f32>,
}

// Four k of a row, times four columns; each column of the matrix is one k.
fn product(row: vec4<f32>, columns: mat4x4<f32>) -> vec4<f32> {
    return row.x * columns[0] + row.y * columns[1] + row.z * columns[2] + row.w * columns[3];
}

// Adds four k of a row, times both halves: what is broadcast is used at once, while it is in registers.
fn add_row(sums: Sums, row: vec4<f32>, left: mat4x4<f32>, right: mat4x4<f32>) -> Sums {
    return Sums(sums.left + product(row, left), sums.right + product(row, right));
}

// Batch, first row, first column. Tiles that follow each other have the same columns, or else the same rows.
fn tile_start(tile: u32, by_columns: bool) -> vec3<u32> {
    let row_tiles = (params.rows + ROWS - 1u) / ROWS;
    let column_tiles = (params.columns + COLUMNS - 1u) / COLUMNS;
    let inner = select(row_tiles, column_tiles, by_columns);
    let outer = select(column_tiles, row_tiles, by_columns);
    let line = tile / inner;
    let at = vec2<u32>(tile % inner, line % outer);
    return vec3<u32>(line / outer, select(at, at.yx, by_columns) * vec2<u32>(ROWS, COLUMNS));
}

// What lavapipe does not know to be uniform: it compiles a shader anew, at each dispatch, for the uniforms that it branches on or that
// bound its loops.
fn no_uniform(value: u32) -> u32 {
    return subgroupBroadcast(value, 0u);
}

// Sums of two rows.
struct Two {
    r0: Sums,
    r1: Sums,
}

// The first, or the second where a bit is set.
fn either(bit: u32, first: Two, second: Two) -> Two {
    return Two(either_row(bit, first.r0, second.r0), either_row(bit, first.r1, second.r1));
}

fn either_row(bit: u32, first: Sums, second: Sums) -> Sums {
    return Sums(select(first.left, second.left, bit != 0u), select(first.right, second.right, bit != 0u));
}

// The biases of this invocation's rows; rows beyond the last have that of the last.
fn row_biases(start: vec3<u32>, lane: u32) -> Biases {
    var biases: Biases;
    for (var i = 0u; i < ROWS / INVOCATIONS; i++) {
        biases[i] = row_bias(start.x, min(start.y + a_within(i, lane), params.rows - 1u));
    }
    return biases;
}

fn biased(sums: Sums, columns: Sums, row: f32) -> Sums {
    return Sums(sums.left + (columns.left + row), sums.right + (columns.right + row));
}

// Stores a tile and its biases, in a loop, since lavapipe compiles each site of a load or a store for long. Rows are selected, and not shifted: what a loop changes
// is blended with what it was, and stored, by each iteration.
fn store_tile(start: vec3<u32>, lane: u32, sums: Tile) {
    let first = start.z + b_within(0u, lane);
    let columns = Sums(column_biases(start.x, first), column_biases(start.x, first + HALF));
    let tile = biased_tile(sums, row_biases(start, lane), columns);
    let left = half_columns(start.x, start.z, lane);
    let right = half_columns(start.x, start.z + HALF, lane);
    var i = 0u;
    loop {
        let two = two_of(tile, i);
        store_row(start, 2u * i, left, right, two.r0);
        store_row(start, 2u * i + 1u, left, right, two.r1);
        i++;
        if i >= ROWS / 2u {
            break;
        }
    }
}

// Stores a row, which is numbered by invocation.
fn store_row(start: vec3<u32>, number: u32, left: Half, right: Half, sums: Sums) {
    let row = start.y + a_within(number / INVOCATIONS, number % INVOCATIONS);
    if row < params.rows {
        store_half(start.x, row, left, sums.left);
        store_half(start.x, row, right, sums.right);
    }
}
