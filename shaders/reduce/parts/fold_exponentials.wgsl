// The logarithm of the sum of exponentials: reduce/fold.wgsl, shared/softmax.wgsl.
//
// A state is the largest element, the sum of exp(x - largest), and what the result is whatever the sum, or 0: NaN where an element is, or else
// infinity where one is. Negative infinities count 0.

struct State {
    largest: f32,
    sum: f32,
    spoilt: u32,
}

const WORDS = 3u;

fn start() -> State {
    return State(LEAST, 0.0, 0u);
}

fn element(bits: u32, at: u32) -> State {
    let x = bitcast<f32>(bits);
    let spoiling = spoils(x);
    let counts = !spoiling & (bits != (INFINITY | 0x80000000u));
    let spoilt = select(0u, select(INFINITY, 0x7fc00000u, is_nan(x)), spoiling);
    return State(select(LEAST, x, counts), select(0.0, 1.0, counts), spoilt);
}

fn both(a: State, b: State) -> State {
    let join = joined(a.largest, b.largest);
    return State(join.x, a.sum * join.y + b.sum * join.z, max(a.spoilt, b.spoilt));
}

fn state_of(words: vec3<u32>) -> State {
    return State(bitcast<f32>(words.x), bitcast<f32>(words.y), words.z);
}

fn words_of(state: State) -> vec3<u32> {
    return vec3<u32>(bitcast<u32>(state.largest), bitcast<u32>(state.sum), state.spoilt);
}

fn finished(state: State) -> u32 {
    let any = state.sum > 0.0;
    let usual = bitcast<u32>(state.largest + log(select(1.0, state.sum, any)));
    return select(select(INFINITY | 0x80000000u, usual, any), state.spoilt, state.spoilt != 0u);
}
