// One of two tensors, element by element, broadcast: output[i] = a[the place of i in a] where condition[the place of i in condition] is not 0, else
// b[the place of i in b], whatever the bits mean
//
// a, b, condition, output as parts/broadcast.wgsl has it, words; condition in the place of c

struct Params {
    broadcast: Broadcast,
    a_first: u32,
    b_first: u32,
    condition_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<u32>;
@group(0) @binding(2) var<storage, read> b: array<u32>;
@group(0) @binding(3) var<storage, read> condition: array<u32>;
@group(0) @binding(4) var<storage, read_write> output: array<u32>;

@compute @workgroup_size(64)
fn select_words(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = row_and_first(workgroup, grid, lane, 4u);
    let row = item.x;
    if row >= params.broadcast.rows {
        return;
    }
    let starts = row_starts(row) + vec3<u32>(params.a_first, params.b_first, params.condition_first);
    let strides = column_strides();
    var i = item.y;
    loop {
        let places = starts + i * strides;
        let at = params.output_first + row * params.broadcast.extent_5 + i;
        output[at] = select(b[places.y], a[places.x], condition[places.z] != 0u);
        i++;
        if i >= min(item.y + 4u, params.broadcast.extent_5) {
            break;
        }
    }
}
