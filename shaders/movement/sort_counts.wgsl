// How many keys of each block have each digit: the first step of a pass of a sort.
//
// table  (digit, block) counts
//
// Keys, digits and blocks: movement/parts/sort_pass.wgsl.

@group(0) @binding(2) var<storage, read_write> table: array<u32>;

var<workgroup> counts: array<atomic<u32>, 256>;

@compute @workgroup_size(256)
fn sort_counts(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = linear_workgroup(workgroup, grid);
    if block >= params.blocks {
        return;
    }
    atomicStore(&counts[lane], 0u);
    workgroupBarrier();
    for (var round = 0u; round < ROUNDS; round++) {
        let element = element_of(block, round, lane);
        if element < params.elements {
            atomicAdd(&counts[digit_of(keys[element])], 1u);
        }
    }
    workgroupBarrier();
    table[lane * params.blocks + block] = atomicLoad(&counts[lane]);
}
