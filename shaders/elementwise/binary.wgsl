// A function of two tensors, broadcast: output[i] = scale * function(a[the place of i in a], b[the place of i in b])
//
// a, b, output as parts/broadcast.wgsl has it; the function is declared in of_two/
// it is put through bounds where there are some: shared/activation
// where accumulate is 1, the function is added to what the output holds
//
// How many elements are loaded and stored at once, is the variant's: width/binary_1.wgsl, width/binary_4.wgsl, width/binary_4_1.wgsl. Strides and first
// elements are counted in elements.
//
// steps                   of the loop of the function, where it has one

struct Params {
    broadcast: Broadcast,
    activation: Activation,
    scale: f32,
    accumulate: u32,
    steps: u32,
    a_first: u32,
    b_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<A>;
@group(0) @binding(2) var<storage, read> b: array<B>;
@group(0) @binding(3) var<storage, read_write> output: array<A>;

@compute @workgroup_size(64)
fn binary(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = row_and_first(workgroup, grid, lane, 4u * TOGETHER_A);
    let row = item.x;
    if row >= params.broadcast.rows {
        return;
    }
    let starts = row_starts(row).xy + vec2<u32>(params.a_first, params.b_first);
    let strides = column_strides().xy;
    let end = min(item.y + 4u * TOGETHER_A, params.broadcast.extent_5);
    var i = item.y;
    loop {
        let places = starts + i * strides;
        store(
            params.output_first + row * params.broadcast.extent_5 + i,
            of_elements(a[places.x / TOGETHER_A], b[places.y / TOGETHER_B]),
        );
        i += TOGETHER_A;
        if i >= end {
            break;
        }
    }
}
