// What updates of a tensor are sorted by: keys[u] = the row of the data that update u is of, or `nowhere` where a part of its index is beyond its axis
//
// indices  movement/parts/indexing.wgsl: an update for each place along the six axes, the last varying fastest
// keys     (updates)
// numbers  (updates) the number of each
//
// Places in the data are counted in rows. One invocation does one of `updates` updates, the first of which is number update_first of all and lies at
// `first` in keys and numbers.

struct Params {
    indexing: Indexing,
    updates: u32,
    update_first: u32,
    first: u32,
    nowhere: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> keys: array<u32>;
@group(0) @binding(3) var<storage, read_write> numbers: array<u32>;

@compute @workgroup_size(64)
fn scatter_keys(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = linear_workgroup(workgroup, grid) * 64u + lane;
    if item >= params.updates {
        return;
    }
    let by_row = divide(params.update_first + item, params.indexing.extent_5);
    let row = row_starts(by_row.x);
    let named = index_place(row.y + by_row.y * params.indexing.index_stride_5);
    let place = row.x + by_row.y * params.indexing.data_stride_5 + named.x;
    keys[params.first + item] = select(params.nowhere, place, named.y == 0u);
    numbers[params.first + item] = params.first + item;
}
