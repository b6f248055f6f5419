// Sums of integers, of their absolute values or of their squares, or their product; then perhaps the quotient by `count`, rounded to 0:
// reduce/fold.wgsl. All but the quotient are as they are modulo 2^32.

alias State = i32;

const WORDS = 1u;

const ABSOLUTE = 1u;
const SQUARES = 2u;
const PRODUCT = 3u;

const QUOTIENT = 3u;

fn start() -> State {
    return select(0i, 1i, params.operation == PRODUCT);
}

fn element(bits: u32, at: u32) -> State {
    let x = bitcast<i32>(bits);
    return select(select(x, abs(x), params.operation == ABSOLUTE), x * x, params.operation == SQUARES);
}

fn both(a: State, b: State) -> State {
    return select(a + b, a * b, params.operation == PRODUCT);
}

fn state_of(words: vec3<u32>) -> State {
    return bitcast<i32>(words.x);
}

fn words_of(state: State) -> vec3<u32> {
    return vec3<u32>(bitcast<u32>(state), 0u, 0u);
}

fn finished(state: State) -> u32 {
    let size = select(u32(state), u32(-state), state < 0i) / max(params.count, 1u);
    let quotient = select(i32(size), -i32(size), state < 0i);
    return bitcast<u32>(select(state, quotient, params.finish == QUOTIENT));
}
