// Sums of floats, of their absolute values or of their squares, times a scale; then perhaps the root or the logarithm of that: reduce/fold.wgsl.

alias State = f32;

const WORDS = 1u;

const ABSOLUTE = 1u;
const SQUARES = 2u;

const ROOT = 1u;
const LOGARITHM = 2u;

const INFINITY = 0x7f800000u;
const NAN = 0x7fc00000u;

fn start() -> State {
    return 0.0;
}

fn element(bits: u32, at: u32) -> State {
    let x = bitcast<f32>(bits);
    return select(select(x, abs(x), params.operation == ABSOLUTE), x * x, params.operation == SQUARES);
}

fn both(a: State, b: State) -> State {
    return a + b;
}

fn state_of(words: vec3<u32>) -> State {
    return bitcast<f32>(words.x);
}

fn words_of(state: State) -> vec3<u32> {
    return vec3<u32>(bitcast<u32>(state), 0u, 0u);
}

// Infinity, NaN, 0 and what is negative are decided on bits: adapters may assume that there is no such number.
fn finished(state: State) -> u32 {
    let sum = state * params.scale;
    let bits = bitcast<u32>(sum);
    let usual = (bits - 1u) < (INFINITY - 1u);
    let positive = select(1.0, sum, usual);
    let root = select(bits, bitcast<u32>(sqrt(positive)), usual);
    let of_none = select(select(NAN, INFINITY, bits == INFINITY), INFINITY | 0x80000000u, (bits & 0x7fffffffu) == 0u);
    let logarithm = select(of_none, bitcast<u32>(log(positive)), usual);
    return select(select(bits, root, params.finish == ROOT), logarithm, params.finish == LOGARITHM);
}
