// A function of each element's 32 bits, into integers or the bits of floats: output[i] = function(input[i])
//
// input, output `elements` words
// low, high     the bounds of CLIP; whether IS_INF finds infinity and -infinity; the bits that NONZERO looks at, in low
//
// One invocation does one word.

const CLIP = 0u;
const ABS = 1u;
const NEG = 2u;
const SIGN = 3u;
// Whether a word is 0.
const NOT = 4u;
const IS_NAN = 5u;
const IS_INF = 6u;
const NONZERO = 7u;
// A float rounded towards 0: the nearest integer there is beyond the range, and 0 for NaN.
const TO_INTEGER = 8u;
const TO_FLOAT = 9u;

struct Params {
    elements: u32,
    operation: u32,
    low: u32,
    high: u32,
    input_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<i32>;

fn to_integer(bits: i32) -> i32 {
    let magnitude = bitcast<u32>(bits) & 0x7fffffffu;
    let mantissa = (magnitude & 0x007fffffu) | 0x00800000u;
    // The exponent is e + 127: the mantissa stands for its multiples of 2^(e - 23).
    let left = max(magnitude >> 23u, 150u) - 150u;
    let right = 150u - min(magnitude >> 23u, 150u);
    let size = select((mantissa << min(left, 8u)) >> min(right, 24u), 0u, right > 23u);
    let within = select(bitcast<i32>(size), -bitcast<i32>(size), bits < 0);
    // From 2^31 on.
    let limit = select(0x7fffffffu, 0x80000000u, bits < 0);
    let found = select(bitcast<u32>(within), limit, magnitude >= 0x4f000000u);
    return bitcast<i32>(select(found, 0u, magnitude > 0x7f800000u));
}

fn function(x: i32) -> i32 {
    let magnitude = bitcast<u32>(x) & 0x7fffffffu;
    let is_infinite = (magnitude == 0x7f800000u) & (select(params.low, params.high, x < 0) != 0u);

    // Computed all and chosen from without a branch: see matmul/parts/matmul.wgsl.
    var value = min(max(x, bitcast<i32>(params.low)), bitcast<i32>(params.high));
    value = select(value, abs(x), params.operation == ABS);
    value = select(value, -x, params.operation == NEG);
    value = select(value, sign(x), params.operation == SIGN);
    value = select(value, i32(x == 0), params.operation == NOT);
    value = select(value, i32(magnitude > 0x7f800000u), params.operation == IS_NAN);
    value = select(value, i32(is_infinite), params.operation == IS_INF);
    value = select(value, i32((bitcast<u32>(x) & params.low) != 0u), params.operation == NONZERO);
    value = select(value, to_integer(x), params.operation == TO_INTEGER);
    return select(value, bitcast<i32>(f32(x)), params.operation == TO_FLOAT);
}

@compute @workgroup_size(64)
fn unary_words(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let element = linear_workgroup(workgroup, grid) * 64u + lane;
    if element >= params.elements {
        return;
    }
    output[params.output_first + element] = function(input[params.input_first + element]);
}
