// The largest element of each window, -infinity where there is none, NaN where one of them is: see pool.wgsl.

struct State {
    largest: vec4<f32>,
    // The largest bits without the sign: those of a NaN are larger than those of infinity.
    bits: vec4<u32>,
}

fn neutral() -> vec4<f32> {
    // Constants must be finite.
    let infinity = vec4<u32>(0xff800000u);
    return bitcast<vec4<f32>>(infinity);
}

fn empty_state() -> State {
    return State(neutral(), vec4<u32>(0u));
}

fn added(state: State, values: vec4<f32>, inside: vec4<bool>, counted: vec4<bool>, index: vec4<u32>) -> State {
    return State(max(state.largest, values), max(state.bits, bitcast<vec4<u32>>(values) & vec4<u32>(0x7fffffffu)));
}

// Stores the first `count` of the elements at an address.
fn store_state(plane: u32, at: u32, count: u32, state: State) {
    let nan = state.bits > vec4<u32>(0x7f800000u);
    let bits = select(bitcast<vec4<u32>>(state.largest), vec4<u32>(0x7fc00000u), nan);
    store_four(params.output_first + at, count, bitcast<vec4<f32>>(bits));
}
