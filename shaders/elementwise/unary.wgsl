// A function of each element: output[i] = function(input[i])
//
// input, output      `elements` elements, all by as many as an invocation does: width/unary_1.wgsl, width/unary_4.wgsl
// alpha, beta, gamma attributes of the function, which is declared in of_one/

struct Params {
    elements: u32,
    alpha: f32,
    beta: f32,
    gamma: f32,
    input_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Elements>;
@group(0) @binding(2) var<storage, read_write> output: array<Elements>;

@compute @workgroup_size(64)
fn unary(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let element = linear_workgroup(workgroup, grid) * 64u + lane;
    if element >= params.elements {
        return;
    }
    output[params.output_first + element] = of_elements(input[params.input_first + element]);
}
