// Grids are folded from one dimension into two, since each dimension has a limit.

// The number of a workgroup. Numbers beyond the last workgroup that was asked for occur.
fn linear_workgroup(workgroup: vec3<u32>, grid: vec3<u32>) -> u32 {
    return workgroup.y * grid.x + workgroup.x;
}
