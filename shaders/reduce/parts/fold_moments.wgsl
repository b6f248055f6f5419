// Means of floats, and sums of squares about them: reduce/fold.wgsl.
//
// A state is how many elements there are, their mean, and the sum of their squares about it. It is the result.

struct State {
    count: u32,
    mean: f32,
    squares: f32,
}

const WORDS = 3u;

fn start() -> State {
    return State(0u, 0.0, 0.0);
}

fn element(bits: u32, at: u32) -> State {
    return State(1u, bitcast<f32>(bits), 0.0);
}

// By the update of Chan, Golub and LeVeque.
fn both(a: State, b: State) -> State {
    let count = a.count + b.count;
    let share = f32(b.count) / f32(max(count, 1u));
    let apart = b.mean - a.mean;
    let squares = a.squares + b.squares + apart * (apart * (f32(a.count) * share));
    return State(count, a.mean + apart * share, squares);
}

fn state_of(words: vec3<u32>) -> State {
    return State(words.x, bitcast<f32>(words.y), bitcast<f32>(words.z));
}

fn words_of(state: State) -> vec3<u32> {
    return vec3<u32>(state.count, bitcast<u32>(state.mean), bitcast<u32>(state.squares));
}

fn finished(state: State) -> u32 {
    return bitcast<u32>(state.mean);
}
