// Matrix products by subgroups of operands whose elements lie along their rows: a, times b transposed.
//
// Operands, tile and numbering: matmul/subgroup/tile.wgsl.

@compute @workgroup_size(INVOCATIONS)
fn matmul_subgroup(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let start = tile_start(linear_workgroup(workgroup, grid), params.by_columns != 0u);
    // Uniform over the workgroup.
    if start.x >= params.batch {
        return;
    }
    store_tile(start, lane, multiplied(start, lane));
}
