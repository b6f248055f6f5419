// Subgroups of 4 invocations, each of which loads four of a tile's rows: matmul/subgroup/tile.wgsl.

const INVOCATIONS = 4u;

// The addresses of an invocation's rows.
alias Addresses = vec4<u32>;

// Four k of an invocation's rows; each row is a column of the matrix.
alias Vectors = mat4x4<f32>;

// Sums of four rows, one from each invocation.
struct Rows {
    r0: Sums,
    r1: Sums,
    r2: Sums,
    r3: Sums,
}

// For each of an invocation's rows, its sums and those of the rows that the others have with it.
struct Tile {
    rows0: Rows,
    rows1: Rows,
    rows2: Rows,
    rows3: Rows,
}

// The biases of an invocation's rows.
alias Biases = vec4<f32>;

// The rows of the invocation whose first this is.
fn rows_from(row: u32) -> Addresses {
    return vec4<u32>(row, row + 4u, row + 8u, row + 12u);
}

fn loaded(at: Addresses) -> Vectors {
    return mat4x4<f32>(load_a(at.x), load_a(at.y), load_a(at.z), load_a(at.w));
}

// All four rows.
fn own_rows(four: mat4x4<f32>, first: u32) -> Vectors {
    return four;
}

// Adds the biases of four rows, of which each invocation brings one, and those of columns.
fn biased_rows(rows: Rows, bias: f32, columns: Sums) -> Rows {
    return Rows(
        biased(rows.r0, columns, subgroupBroadcast(bias, 0u)),
        biased(rows.r1, columns, subgroupBroadcast(bias, 1u)),
        biased(rows.r2, columns, subgroupBroadcast(bias, 2u)),
        biased(rows.r3, columns, subgroupBroadcast(bias, 3u)),
    );
}

fn biased_tile(tile: Tile, biases: Biases, columns: Sums) -> Tile {
    return Tile(
        biased_rows(tile.rows0, biases.x, columns),
        biased_rows(tile.rows1, biases.y, columns),
        biased_rows(tile.rows2, biases.z, columns),
        biased_rows(tile.rows3, biases.w, columns),
    );
}

// Adds four k of four rows, of which each invocation brings one.
fn add_rows(rows: Rows, row: vec4<f32>, left: mat4x4<f32>, right: mat4x4<f32>) -> Rows {
    return Rows(
        add_row(rows.r0, subgroupBroadcast(row, 0u), left, right),
        add_row(rows.r1, subgroupBroadcast(row, 1u), left, right),
        add_row(rows.r2, subgroupBroadcast(row, 2u), left, right),
        add_row(rows.r3, subgroupBroadcast(row, 3u), left, right),
    );
}

// Adds four k of the whole tile. Each column of `rows` is a row of a, each of `left` and `right` one k of b.
fn add_tile(tile: Tile, rows: Vectors, left: mat4x4<f32>, right: mat4x4<f32>) -> Tile {
    return Tile(
        add_rows(tile.rows0, rows[0], left, right),
        add_rows(tile.rows1, rows[1], left, right),
        add_rows(tile.rows2, rows[2], left, right),
        add_rows(tile.rows3, rows[3], left, right),
    );
}

// Two rows, which are numbered by invocation, from 2 * number on.
fn two_of(tile: Tile, number: u32) -> Two {
    let first = either(number & 2u, two_of_rows(tile.rows0, number), two_of_rows(tile.rows1, number));
    let second = either(number & 2u, two_of_rows(tile.rows2, number), two_of_rows(tile.rows3, number));
    return either(number & 4u, first, second);
}

fn two_of_rows(rows: Rows, number: u32) -> Two {
    return either(number & 1u, Two(rows.r0, rows.r1), Two(rows.r2, rows.r3));
}
