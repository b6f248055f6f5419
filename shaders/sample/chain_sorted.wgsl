// The samples of each cell as a chain, by ascending row, from samples that are sorted by cell.
//
// keys        sample_keys.wgsl, sorted
// rows        likewise, in the order of the keys
// samples     chain_samples.wgsl
// heads       likewise; LONG_BIT is set where a cell has more than `most` samples
// long_cells  how many cells have more, and then the keys of these, in any order
//
// A cell without samples keeps the head that it has. One invocation does one sample.

struct Params {
    elements: u32,
    nowhere: u32,
    rows: u32,
    offset_group_first: u32,
    offset_groups: u32,
    cells: u32,
    most: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> samples: array<u32>;
@group(0) @binding(4) var<storage, read_write> heads: array<u32>;
@group(0) @binding(5) var<storage, read_write> long_cells: array<atomic<u32>>;

// Whether a sample that is sorted lies in a cell.
fn lies_in(at: u32, key: u32) -> bool {
    return at < params.elements && keys[min(at, params.elements - 1u)] == key;
}

@compute @workgroup_size(64)
fn chain_sorted(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = linear_workgroup(workgroup, grid) * 64u + lane;
    if mine >= params.elements {
        return;
    }
    let key = keys[mine];
    if key == params.nowhere {
        return;
    }
    let row = rows[mine];
    let offset_group = params.offset_group_first + divide(divide(key, params.cells).x, params.offset_groups).y;
    var follower = NOWHERE;
    if lies_in(mine + 1u, key) {
        follower = rows[mine + 1u];
    }
    samples[4u * (offset_group * params.rows + row) + 3u] = follower;
    // What is before the first wraps.
    if !lies_in(mine - 1u, key) {
        let is_long = lies_in(mine + params.most, key);
        heads[key] = row | select(0u, LONG_BIT, is_long);
        if is_long {
            let place = 1u + atomicAdd(&long_cells[0], 1u);
            atomicStore(&long_cells[place], key);
        }
    }
}
