// The indices of the elements that come first in an order, shared/order.wgsl: reduce/fold.wgsl. The operation is the order; of equal elements the
// first counts, or with LAST_EQUAL the last.
//
// A state is a key, and the index, or with LAST_EQUAL its complement: of equal keys the lower one counts.

alias State = vec2<u32>;

const WORDS = 2u;

const LAST_EQUAL = 8u;

fn start() -> State {
    return vec2<u32>(0u, 0xffffffffu);
}

fn element(bits: u32, at: u32) -> State {
    return vec2<u32>(key_of(bits, params.operation), select(at, ~at, (params.operation & LAST_EQUAL) != 0u));
}

fn both(a: State, b: State) -> State {
    return select(a, b, (b.x > a.x) | ((b.x == a.x) & (b.y < a.y)));
}

fn state_of(words: vec3<u32>) -> State {
    return words.xy;
}

fn words_of(state: State) -> vec3<u32> {
    return vec3<u32>(state, 0u);
}

fn finished(state: State) -> u32 {
    return select(state.y, ~state.y, (params.operation & LAST_EQUAL) != 0u);
}
