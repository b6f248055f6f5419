// a of a product by subgroups, read across its rows: see tile.wgsl.
@group(0) @binding(1) var a: texture_storage_2d<rgba32float, read>;

// The invocations from 4 on load the quads that those before them do, and have the other two rows of them.
fn a_within(i: u32, invocation: u32) -> u32 {
    return 4u * (invocation % 4u) + 2u * (invocation / 4u) + i;
}

// Where a row, one of an even number, and the next have their quad in row 0, and which row of the quad it is.
fn a_start(batch: u32, row: u32) -> vec2<u32> {
    return vec2<u32>(params.a_first + batch * params.a_batch + (params.a_quad + row / 4u) * 32u, row % 4u);
}

// Four k of two rows, 0 beyond the depth; each row is a column of the matrix.
fn a_rows(start: vec2<u32>, k: u32) -> mat2x4<f32> {
    let four = k + vec4<u32>(0u, 1u, 2u, 3u);
    let exists = four < vec4<u32>(params.depth);
    let of_row = params.a_row + four;
    let at = start.x + of_row / 32u * (params.a_quads * 32u) + of_row % 32u;
    let quads = transpose(mat4x4<f32>(
        select(vec4<f32>(), textureLoad(a, texel(at.x)), exists.x),
        select(vec4<f32>(), textureLoad(a, texel(at.y)), exists.y),
        select(vec4<f32>(), textureLoad(a, texel(at.z)), exists.z),
        select(vec4<f32>(), textureLoad(a, texel(at.w)), exists.w),
    ));
    let second = start.y != 0u;
    return mat2x4<f32>(select(quads[0], quads[2], second), select(quads[1], quads[3], second));
}
