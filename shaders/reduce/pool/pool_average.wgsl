// The mean of the elements of each window, and of the padding as zeros where that counts; 0 where there is nothing: see pool.wgsl.

fn neutral() -> vec4<f32> {
    return vec4<f32>(0.0);
}

struct State {
    sum: vec4<f32>,
    count: vec4<u32>,
}

fn empty_state() -> State {
    return State(vec4<f32>(0.0), vec4<u32>(0u));
}

fn added(state: State, values: vec4<f32>, inside: vec4<bool>, counted: vec4<bool>, index: vec4<u32>) -> State {
    return State(state.sum + values, state.count + vec4<u32>(counted));
}

// Stores the first `count` of the elements at an address.
fn store_state(plane: u32, at: u32, count: u32, state: State) {
    let means = state.sum / vec4<f32>(max(state.count, vec4<u32>(1u)));
    store_four(params.output_first + at, count, means);
}
