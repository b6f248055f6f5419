// A pass of a sort: what its first step and its last have in common.
//
// keys  `elements` of them
//
// A digit is the eight bits of a key from `shift` on. One workgroup does a block, 1024 keys or what is left, in rounds of 256; there are `blocks`
// blocks.

struct Params {
    elements: u32,
    blocks: u32,
    shift: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;

const ROUNDS = 4u;

fn element_of(block: u32, round: u32, lane: u32) -> u32 {
    return (block * ROUNDS + round) * 256u + lane;
}

fn digit_of(key: u32) -> u32 {
    return (key >> params.shift) & 255u;
}
