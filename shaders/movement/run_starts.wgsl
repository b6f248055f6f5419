// Where the run of each key begins among sorted keys: starts[key] = how many keys are smaller
//
// keys    `elements` of them, in ascending order
// starts  for each of `starts` keys, from 0 on
//
// One invocation does one key, by bisection.

struct Params {
    elements: u32,
    starts: u32,
    steps: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read_write> starts: array<u32>;

@compute @workgroup_size(64)
fn run_starts(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let key = linear_workgroup(workgroup, grid) * 64u + lane;
    if key >= params.starts {
        return;
    }
    var start = 0u;
    var end = params.elements;
    let steps = select(0u, params.steps, lane < 64u);
    for (var step = 0u; step < steps; step++) {
        let middle = start + (end - start) / 2u;
        let smaller = (start < end) & (keys[min(middle, params.elements - 1u)] < key);
        start = select(start, middle + 1u, smaller);
        end = select(middle, end, smaller | (start >= end));
    }
    starts[key] = start;
}
