// Products of few rows, by subgroups: a times b, which is in a buffer, in quads across its rows or along its columns: matmul/narrow.
//
// a               along its rows, in panels: matmul/subgroup/a_along.wgsl, of which row `row` is a_row + row
// bias, output    matmul/parts/matmul.wgsl, matmul/subgroup/element_quads.wgsl, elements.wgsl
//
// One invocation does four columns of up to four rows. Such a product is bound by what it reads, so b is not packed. The depth is a multiple of 4.

@group(0) @binding(1) var a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;

fn b_within(i: u32, invocation: u32) -> u32 {
    return i;
}

// Where a row has its first quad; rows beyond the last do as the last.
fn row_of_a(batch: u32, row: u32) -> u32 {
    let at = params.a_row + min(row, params.rows - 1u);
    return params.a_first + batch * params.a_batch + (at / ROWS_TOGETHER * params.a_quads + params.a_quad) * ROWS_TOGETHER + at % ROWS_TOGETHER;
}

// Adds four k of a row of a with four columns; each column of the matrix is one k.
fn with_product(sum: vec4<f32>, row: vec4<f32>, columns: mat4x4<f32>) -> vec4<f32> {
    return sum + row.x * columns[0] + row.y * columns[1] + row.z * columns[2] + row.w * columns[3];
}

// What lavapipe does not know to be uniform: see matmul/subgroup/tile.wgsl.
fn no_uniform(value: u32) -> u32 {
    return subgroupBroadcast(value, 0u);
}

@compute @workgroup_size(64)
fn matmul_narrow(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_quad = divide(linear_workgroup(workgroup, grid) * 64u + lane, (params.columns + 3u) / 4u);
    let exists = by_quad.x < params.batch;
    let batch = select(0u, by_quad.x, exists);
    let rows = vec4<u32>(row_of_a(batch, 0u), row_of_a(batch, 1u), row_of_a(batch, 2u), row_of_a(batch, 3u));
    let column = 4u * by_quad.y;
    let start = b_start(batch, column);

    var sums = mat4x4<f32>();
    let quads = no_uniform(params.depth / 4u);
    var quad = 0u;
    loop {
        let columns = b_columns(start, quad);
        let texels = rows + quad * NEXT_QUAD;
        sums = mat4x4<f32>(
            with_product(sums[0], textureLoad(a, texel(texels.x)), columns),
            with_product(sums[1], textureLoad(a, texel(texels.y)), columns),
            with_product(sums[2], textureLoad(a, texel(texels.z)), columns),
            with_product(sums[3], textureLoad(a, texel(texels.w)), columns),
        );
        quad++;
        if quad >= quads {
            break;
        }
    }
    let half = half_columns(batch, column, lane);
    let base = column_biases(batch, column);
    let count = select(0u, params.rows, exists);
    for (var row = 0u; row < count; row++) {
        store_half(batch, row, half, sums[0] + (base + row_bias(batch, row)));
        sums = mat4x4<f32>(sums[1], sums[2], sums[3], sums[3]);
    }
}
