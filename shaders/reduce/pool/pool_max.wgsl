// The largest element of each window, -infinity where there is none, NaN where one of them is: see pool.wgsl.

struct State {
    largest: vec4<f32>,
    // The largest bits without the sign: those of a NaN are larger than those of infinity.
    bits: vec4<u32>,
}

fn empty_state() -> State {
    // Constants must be finite.
    let infinity = vec4<u32>(0xff800000u);
    return State(bitcast<vec4<f32>>(infinity), vec4<u32>(0u));
}

fn added(state: State, values: vec4<f32>, inside: vec4<bool>, counted: vec4<bool>, index: vec4<u32>) -> State {
    let bits = select(vec4<u32>(0xff800000u), bitcast<vec4<u32>>(values), inside);
    return State(max(state.largest, bitcast<vec4<f32>>(bits)), max(state.bits, bits & vec4<u32>(0x7fffffffu)));
}

// Stores the first `count` of the elements at an address.
fn store_state(plane: u32, at: u32, count: u32, state: State) {
    let nan = state.bits > vec4<u32>(0x7f800000u);
    var bits = select(bitcast<vec4<u32>>(state.largest), vec4<u32>(0x7fc00000u), nan);
    for (var i = 0u; i < count; i++) {
        output[params.output_first + at + i] = bitcast<f32>(bits.x);
        bits = bits.yzww;
    }
}
