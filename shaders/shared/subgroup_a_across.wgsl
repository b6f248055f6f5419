// a of a product by subgroups, read across its rows: see subgroup_tile.wgsl.
@group(0) @binding(1) var a: texture_storage_2d<rgba32float, read>;

fn a_within(i: u32, invocation: u32) -> u32 {
    return 4u * invocation + i;
}

// Where the four rows from one on have their quad in row 0.
fn a_start(batch: u32, row: u32) -> u32 {
    return params.a_first + batch * params.a_batch + (params.a_quad + row / 4u) * 32u;
}

// Four k of four rows, 0 beyond the depth; each row is a column of the matrix.
fn a_rows(start: u32, k: u32) -> mat4x4<f32> {
    let four = k + vec4<u32>(0u, 1u, 2u, 3u);
    let exists = four < vec4<u32>(params.depth);
    let of_row = params.a_row + four;
    let at = start + of_row / 32u * (params.a_quads * 32u) + of_row % 32u;
    return transpose(mat4x4<f32>(
        select(vec4<f32>(), textureLoad(a, texel(at.x)), exists.x),
        select(vec4<f32>(), textureLoad(a, texel(at.y)), exists.y),
        select(vec4<f32>(), textureLoad(a, texel(at.z)), exists.z),
        select(vec4<f32>(), textureLoad(a, texel(at.w)), exists.w),
    ));
}
