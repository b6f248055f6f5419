// The samples of a strip with the keys by which they are sorted into cells: the place of the head of a sample's cell.
//
// cells       sample/parts/samples.wgsl
// keys        (offset_group, row): the place of a cell's head in `heads`, or `nowhere`, the number of heads, for what lies in none of them
// rows        likewise: the sample's row
// heads       chain_sorted.wgsl; the first `emptied` of them are made empty
// long_cells  likewise; made empty
//
// Offset groups and cells: chain_samples.wgsl. One invocation does one sample and one head.

struct Params {
    rows: u32,
    image_rows: u32,
    offset_group_first: u32,
    offset_groups: u32,
    cell_first: u32,
    cells: u32,
    nowhere: u32,
    emptied: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> cells: array<u32>;
@group(0) @binding(2) var<storage, read_write> keys: array<u32>;
@group(0) @binding(3) var<storage, read_write> rows: array<u32>;
@group(0) @binding(4) var<storage, read_write> heads: array<u32>;
@group(0) @binding(5) var<storage, read_write> long_cells: array<u32>;

@compute @workgroup_size(64)
fn sample_keys(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + lane;
    if invocation < params.emptied {
        heads[invocation] = NOWHERE;
    }
    if invocation == 0u {
        long_cells[0] = 0u;
    }
    let mine = divide(invocation, params.rows);
    if mine.x >= params.offset_groups {
        return;
    }
    let cell = cells[(params.offset_group_first + mine.x) * params.rows + mine.y] - params.cell_first;
    let image = divide(mine.y, params.image_rows).x;
    let key = (image * params.offset_groups + mine.x) * params.cells + cell;
    keys[invocation] = select(params.nowhere, key, cell < params.cells);
    rows[invocation] = mine.y;
}
