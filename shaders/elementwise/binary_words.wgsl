// A function of the 32 bits of two tensors' elements, broadcast, into integers: output[i] = function(a[the place of i in a], b[the place of i in b])
//
// a, b, output as parts/broadcast.wgsl has it, integers, or of COMPARE_FLOATS the bits of floats; the function is declared in of_words/
// operation    which of its functions it is
// relations    of comparisons: a bit for each relation that they find, by its number in parts/relation.wgsl
// steps                   of the loop of the function, where it has one

struct Params {
    broadcast: Broadcast,
    operation: u32,
    relations: u32,
    steps: u32,
    a_first: u32,
    b_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<i32>;
@group(0) @binding(2) var<storage, read> b: array<i32>;
@group(0) @binding(3) var<storage, read_write> output: array<i32>;

@compute @workgroup_size(64)
fn binary_words(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = row_and_first(workgroup, grid, lane, 4u);
    let row = item.x;
    if row >= params.broadcast.rows {
        return;
    }
    let starts = row_starts(row).xy + vec2<u32>(params.a_first, params.b_first);
    let strides = column_strides().xy;
    var i = item.y;
    loop {
        let places = starts + i * strides;
        let at = params.output_first + row * params.broadcast.extent_5 + i;
        output[at] = function(a[places.x], b[places.y]);
        i++;
        if i >= min(item.y + 4u, params.broadcast.extent_5) {
            break;
        }
    }
}
