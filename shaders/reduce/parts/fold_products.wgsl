// Products of floats: reduce/fold.wgsl.

alias State = f32;

const WORDS = 1u;

fn start() -> State {
    return 1.0;
}

fn element(bits: u32, at: u32) -> State {
    return bitcast<f32>(bits);
}

fn both(a: State, b: State) -> State {
    return a * b;
}

fn state_of(words: vec3<u32>) -> State {
    return bitcast<f32>(words.x);
}

fn words_of(state: State) -> vec3<u32> {
    return vec3<u32>(bitcast<u32>(state), 0u, 0u);
}

fn finished(state: State) -> u32 {
    return bitcast<u32>(state);
}
