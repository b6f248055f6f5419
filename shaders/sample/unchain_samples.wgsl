// The heads of cells that have samples, and the lists of pixels near them, made empty again: what it takes follows from the samples, not from the cells.
//
// cells    sample/parts/samples.wgsl
// heads    chain_samples.wgsl
// counts   touched_pixels.wgsl
//
// Images, offset groups and cells: chain_samples.wgsl. One invocation does one sample; those of one cell write the same.

struct Params {
    images: u32,
    image_rows: u32,
    rows: u32,
    offset_group_first: u32,
    offset_groups: u32,
    cell_first: u32,
    cells: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> cells: array<u32>;
@group(0) @binding(2) var<storage, read_write> heads: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read_write> counts: array<vec4<u32>>;

@compute @workgroup_size(64)
fn unchain_samples(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.rows);
    if mine.x >= params.offset_groups {
        return;
    }
    if mine.y == 0u {
        counts[mine.x] = vec4<u32>(0u);
    }
    let cell = cells[(params.offset_group_first + mine.x) * params.rows + mine.y] - params.cell_first;
    let image = divide(mine.y, params.image_rows).x;
    if cell < params.cells && image < params.images {
        atomicStore(&heads[(image * params.offset_groups + mine.x) * params.cells + cell], NOWHERE);
    }
}
