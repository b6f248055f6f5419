// Elements stored one way, stored another way: as f32 what had 16 bits, or rounded once to 16 bits what was f32.
//
// source      `elements` elements of source_dtype, from source_first on
// destination the same of destination_dtype, from destination_first on, which is the start of a word
//
// One invocation writes one word of the destination, and is its only writer; half a word left over is 0.

struct Params {
    elements: u32,
    source_dtype: u32,
    source_first: u32,
    destination_dtype: u32,
    destination_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> destination: array<u32>;

fn source_bits(element: u32) -> u32 {
    let index = params.source_first + element;
    return decode(source[index / per_word(params.source_dtype)], index, params.source_dtype);
}

@compute @workgroup_size(64)
fn convert(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let each = per_word(params.destination_dtype);
    let element = (linear_workgroup(workgroup, grid) * 64u + lane) * each;
    if element >= params.elements {
        return;
    }
    var word = source_bits(element);
    if each == 2u {
        word = encode(word, params.destination_dtype);
        if element + 1u < params.elements {
            word |= encode(source_bits(element + 1u), params.destination_dtype) << 16u;
        }
    }
    destination[(params.destination_first + element) / each] = word;
}
