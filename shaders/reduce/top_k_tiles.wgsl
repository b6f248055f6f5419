// The elements of each tile of rows that come first, in their order, shared/order.wgsl; of equal ones the one with the lower index
//
// input   rows of a tensor (planes, extent, columns) along its middle axis, an element `step` behind the one before it, a plane `plane`; or where
//         listed is 1, rows of `extent` pairs as in lists
// lists   (rows, tiles, kept) pairs: the key of an element, and its index in its row; a tile that has fewer is filled up with key 0 and a
//         number that no element has
//
// A tile is 2^bits elements of a row, side by side, or what is left of it. A workgroup sorts as many tiles as make 2048 elements, by Batcher's
// bitonic sort.

struct Params {
    rows: u32,
    columns: u32,
    extent: u32,
    plane: u32,
    step: u32,
    tiles: u32,
    bits: u32,
    kept: u32,
    order: u32,
    listed: u32,
    input_first: u32,
    lists_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> lists: array<u32>;

// Keys and indices.
var<workgroup> pairs: array<vec2<u32>, 2048>;

fn in_front(a: vec2<u32>, b: vec2<u32>) -> bool {
    return (a.x > b.x) | ((a.x == b.x) & (a.y < b.y));
}

@compute @workgroup_size(256)
fn top_k_tiles(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = linear_workgroup(workgroup, grid);
    let all = params.rows * params.tiles;
    let first_tile = index << (11u - params.bits);
    // Uniform over the workgroup.
    if first_tile >= all {
        return;
    }
    let listed = params.listed != 0u;
    for (var round = 0u; round < 8u; round++) {
        let slot = round * 256u + lane;
        let tile = first_tile + (slot >> params.bits);
        let by_row = divide(min(tile, all - 1u), params.tiles);
        let at = (by_row.y << params.bits) + (slot & ((1u << params.bits) - 1u));
        let inside = (tile < all) & (at < params.extent);
        let by_plane = divide(by_row.x, params.columns);
        let of_element = by_plane.x * params.plane + by_plane.y + at * params.step;
        let of_pair = 2u * (by_row.x * params.extent + at);
        let address = params.input_first + select(0u, select(of_element, of_pair, listed), inside);
        let word = input[address];
        let behind = input[address + select(0u, 1u, listed & inside)];
        let pair = vec2<u32>(select(key_of(word, params.order), word, listed), select(at, behind, listed));
        pairs[slot] = select(vec2<u32>(0u, 0xffffffffu), pair, inside);
    }
    // Not the uniform itself: see matmul/parts/matmul.wgsl.
    let bits = select(0u, params.bits, first_tile < all);
    for (var size = 1u; size <= bits; size++) {
        for (var below = 1u; below <= size; below++) {
            let reach = 1u << (size - below);
            workgroupBarrier();
            for (var round = 0u; round < 4u; round++) {
                let pair = round * 256u + lane;
                let a = 2u * pair - (pair & (reach - 1u));
                let b = a + reach;
                let ascends = ((a >> size) & 1u) * select(0u, 1u, size < bits);
                let one = pairs[a];
                let other = pairs[b];
                let swaps = in_front(one, other) == (ascends == 1u);
                pairs[a] = select(one, other, swaps);
                pairs[b] = select(other, one, swaps);
            }
        }
    }
    workgroupBarrier();
    for (var round = 0u; round < 8u; round++) {
        let slot = round * 256u + lane;
        let tile = first_tile + (slot >> params.bits);
        let rank = slot & ((1u << params.bits) - 1u);
        if (tile < all) & (rank < params.kept) {
            let pair = pairs[slot];
            let to = params.lists_first + 2u * (tile * params.kept + rank);
            lists[to] = pair.x;
            lists[to + 1u] = pair.y;
        }
    }
}
