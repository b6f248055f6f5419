// The largest element of each window and its index in the whole input: see pool.wgsl.
//
// indices  as the output. An index counts plane_elements for a plane, and index_z, index_y, index_x along its axes; all ones, where the window has
//          no element
//
// The largest of what is equal is the first, and a NaN is larger than all.

@group(0) @binding(3) var<storage, read_write> indices: array<u32>;

const NONE = 0xffffffffu;

struct State {
    largest: vec4<f32>,
    index: vec4<u32>,
}

fn neutral() -> vec4<f32> {
    return vec4<f32>(0.0);
}

fn empty_state() -> State {
    // Constants must be finite.
    let infinity = vec4<u32>(0xff800000u);
    return State(bitcast<vec4<f32>>(infinity), vec4<u32>(NONE));
}

fn is_nan(values: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(values) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
}

fn added(state: State, values: vec4<f32>, inside: vec4<bool>, counted: vec4<bool>, index: vec4<u32>) -> State {
    let beyond = is_nan(values) | (values > state.largest);
    let larger = inside & ((state.index == vec4<u32>(NONE)) | (beyond & !is_nan(state.largest)));
    return State(select(state.largest, values, larger), select(state.index, index, larger));
}

// Stores the first `count` of the elements at an address.
fn store_state(plane: u32, at: u32, count: u32, state: State) {
    let first = (params.plane_first + plane) * params.plane_elements;
    var places = select(first + state.index, vec4<u32>(NONE), state.index == vec4<u32>(NONE));
    store_four(params.output_first + at, count, state.largest);
    var i = 0u;
    loop {
        indices[params.indices_first + at + i] = places.x;
        places = places.yzww;
        i++;
        if i >= count {
            break;
        }
    }
}
