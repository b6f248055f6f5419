// Zeros, whatever the output held
//
// output  `words` words, or fours of them: movement/parts/word.wgsl, movement/parts/four_words.wgsl
//
// One invocation writes sixteen of them, each a workgroup's width behind the one before.

struct Params {
    words: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> output: array<Word>;

@compute @workgroup_size(64)
fn zeros(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = linear_workgroup(workgroup, grid) * 1024u + lane;
    for (var each = 0u; each < 16u; each++) {
        let word = first + 64u * each;
        if word < params.words {
            output[params.output_first + word] = Word();
        }
    }
}
