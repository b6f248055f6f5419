// Keys and their values in the order of a digit, those with the same digit in the order in which they were: the last step of a pass of a sort.
//
// values         a word for each key
// table          sort_offsets.wgsl
// sorted_keys    as keys
// sorted_values  as values
//
// Keys, digits and blocks: movement/parts/sort_pass.wgsl. In a round, of each digit a bit for each invocation says whether its key has it, so that
// the place of a key is the number of bits before its own.

@group(0) @binding(2) var<storage, read> values: array<u32>;
@group(0) @binding(3) var<storage, read> table: array<u32>;
@group(0) @binding(4) var<storage, read_write> sorted_keys: array<u32>;
@group(0) @binding(5) var<storage, read_write> sorted_values: array<u32>;

// By digit, the place of the next key.
var<workgroup> places: array<u32, 256>;
// (word, digit): the bits of 32 invocations.
var<workgroup> has_digit: array<atomic<u32>, 2048>;

// How many of the invocations of some words have a digit.
fn with_digit(words: u32, digit: u32) -> u32 {
    var count = 0u;
    for (var word = 0u; word < words; word++) {
        count += countOneBits(atomicLoad(&has_digit[word * 256u + digit]));
    }
    return count;
}

@compute @workgroup_size(256)
fn sort_scatter(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = linear_workgroup(workgroup, grid);
    if block >= params.blocks {
        return;
    }
    let of_digit = table[256u * params.blocks + lane];
    places[lane] = sum_up_to(lane, of_digit) - of_digit + table[lane * params.blocks + block];
    let bit = 1u << (lane % 32u);
    for (var round = 0u; round < ROUNDS; round++) {
        for (var word = 0u; word < 8u; word++) {
            atomicStore(&has_digit[word * 256u + lane], 0u);
        }
        workgroupBarrier();
        let element = element_of(block, round, lane);
        let inside = element < params.elements;
        let key = keys[min(element, params.elements - 1u)];
        let digit = digit_of(key);
        if inside {
            atomicOr(&has_digit[(lane / 32u) * 256u + digit], bit);
        }
        workgroupBarrier();
        if inside {
            let in_word = atomicLoad(&has_digit[(lane / 32u) * 256u + digit]) & (bit - 1u);
            let place = places[digit] + with_digit(lane / 32u, digit) + countOneBits(in_word);
            sorted_keys[place] = key;
            sorted_values[place] = values[element];
        }
        workgroupBarrier();
        places[lane] += with_digit(8u, lane);
    }
}
