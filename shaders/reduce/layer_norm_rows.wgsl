// Rows less their mean, over their standard deviation: output = (input - mean) / sqrt(variance + epsilon) * factor + shift
//
// input, output  rows of `quads` quads, one behind another
// factor, shift  a quad for each of a row; 1 where scaled is 0, and 0 where shifted is 0
//                what is read: reduce/parts/normal_buffer.wgsl, reduce/parts/normal_texture.wgsl
//
// One invocation does a row, quad by quad, with neither workgroup memory nor barriers: for rows that are short and many, on adapters that run on the
// CPU. reciprocal is that of the elements of a row.

struct Params {
    rows: u32,
    quads: u32,
    reciprocal: f32,
    epsilon: f32,
    scaled: u32,
    shifted: u32,
    input_first: u32,
    factor_first: u32,
    shift_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

fn mean_of(sums: vec4<f32>) -> f32 {
    return (sums.x + sums.y + sums.z + sums.w) * params.reciprocal;
}

@compute @workgroup_size(64)
fn layer_norm_rows(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = linear_workgroup(workgroup, grid) * 64u + lane;
    // Not the uniform itself bounds the loops: see matmul/parts/matmul.wgsl.
    let end = select(0u, params.quads, row < params.rows);
    let start = row * params.quads;

    var sums = vec4<f32>(0.0);
    for (var quad = 0u; quad < end; quad++) {
        sums += load_input(params.input_first + start + quad);
    }
    let mean = mean_of(sums);

    var squares = vec4<f32>(0.0);
    for (var quad = 0u; quad < end; quad++) {
        let apart = load_input(params.input_first + start + quad) - mean;
        squares += apart * apart;
    }
    let inverse = inverseSqrt(mean_of(squares) + params.epsilon);

    let scaled = params.scaled != 0u;
    let shifted = params.shifted != 0u;
    for (var quad = 0u; quad < end; quad++) {
        let normal = (load_input(params.input_first + start + quad) - mean) * inverse;
        let by = select(vec4<f32>(1.0), load_factor(select(0u, params.factor_first + quad, scaled)), scaled);
        let plus = select(vec4<f32>(0.0), load_shift(select(0u, params.shift_first + quad, shifted)), shifted);
        output[params.output_first + start + quad] = normal * by + plus;
    }
}
