// How many keys of each block have each digit: the first step of a pass of a sort.
//
// keys   `elements` of them
// table  (digit, block) counts, of `blocks` blocks
//
// A digit is the eight bits of a key from `shift` on. One workgroup does a block: 1024 keys, or what is left.

struct Params {
    elements: u32,
    blocks: u32,
    shift: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
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
    for (var round = 0u; round < 4u; round++) {
        let element = block * 1024u + round * 256u + lane;
        if element < params.elements {
            atomicAdd(&counts[(keys[element] >> params.shift) & 255u], 1u);
        }
    }
    workgroupBarrier();
    table[lane * params.blocks + block] = atomicLoad(&counts[lane]);
}
