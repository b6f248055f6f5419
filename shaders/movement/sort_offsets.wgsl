// Where the keys of a block start among those that have the same digit: the second step of a pass of a sort.
//
// table  sort_counts.wgsl: (digit, block) counts become the sums of those of the blocks before; behind them, the sum of each digit's
//
// One workgroup does a digit.

struct Params {
    blocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> table: array<u32>;

@compute @workgroup_size(256)
fn sort_offsets(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let digit = linear_workgroup(workgroup, grid);
    if digit >= 256u {
        return;
    }
    var before = 0u;
    for (var first = 0u; first < params.blocks; first += 256u) {
        let block = first + lane;
        let at = digit * params.blocks + block;
        var count = 0u;
        if block < params.blocks {
            count = table[at];
        }
        let sum = sum_up_to(lane, count);
        if block < params.blocks {
            table[at] = before + sum - count;
        }
        before += sums_up_to[255];
    }
    if lane == 0u {
        table[256u * params.blocks + digit] = before;
    }
}
