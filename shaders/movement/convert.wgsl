// Rows of elements stored one way, stored another way: as f32 what had 16 bits, or rounded once to 16 bits what was f32.
//
// source      rows of `columns` elements of source_dtype, source_row apart, from source_first on
// destination runs of `run` elements of destination_dtype, destination_run apart, from destination_first on: one row each, or all rows one
//             behind another, in one run
//
// One invocation writes one word of a run, and is its only writer: runs that are apart have an element between them at least. The half
// of a word that is in no run is left as it is.

struct Params {
    columns: u32,
    source_dtype: u32,
    source_first: u32,
    source_row: u32,
    runs: u32,
    run: u32,
    destination_dtype: u32,
    destination_first: u32,
    destination_run: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> destination: array<u32>;

fn source_bits(element: u32) -> u32 {
    let at = divide(element, params.columns);
    let index = params.source_first + at.x * params.source_row + at.y;
    return decode(source[index / per_word(params.source_dtype)], index, params.source_dtype);
}

@compute @workgroup_size(64)
fn convert(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let each = per_word(params.destination_dtype);
    // A run may begin and end amid a word.
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.run / each + each - 1u);
    if mine.x >= params.runs {
        return;
    }
    let start = params.destination_first + mine.x * params.destination_run;
    let word = start / each + mine.y;
    // Of its first half, counted over the run; wraps before the first.
    let element = word * each - start;
    let first = mine.x * params.run;
    if each == 1u {
        destination[word] = source_bits(first + element);
        return;
    }
    let inside = vec2<u32>(element, element + 1u) < vec2<u32>(params.run);
    if !any(inside) {
        return;
    }
    var bits = vec2<u32>(0u);
    if !all(inside) {
        bits = vec2<u32>(destination[word] & 0xffffu, destination[word] >> 16u);
    }
    if inside.x {
        bits.x = encode(source_bits(first + element), params.destination_dtype);
    }
    if inside.y {
        bits.y = encode(source_bits(first + element + 1u), params.destination_dtype);
    }
    destination[word] = bits.x | (bits.y << 16u);
}
