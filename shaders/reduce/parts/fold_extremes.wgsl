// The elements that come first in an order, shared/order.wgsl, which is the operation: reduce/fold.wgsl.
//
// A state is a key. Of no elements it is that of the element that comes last.

alias State = u32;

const WORDS = 1u;

fn start() -> State {
    return select(LAST_FLOAT, 0u, (params.operation & INTEGERS) != 0u);
}

fn element(bits: u32, at: u32) -> State {
    return key_of(bits, params.operation);
}

fn both(a: State, b: State) -> State {
    return max(a, b);
}

fn state_of(words: vec3<u32>) -> State {
    return words.x;
}

fn words_of(state: State) -> vec3<u32> {
    return vec3<u32>(state, 0u, 0u);
}

// The element that a key is of. NaN comes first.
fn finished(state: State) -> u32 {
    let floats = (params.operation & INTEGERS) == 0u;
    let ascending = select(state, ~state, (params.operation & SMALLEST) != 0u);
    let bits = ascending ^ select(0x80000000u, 0xffffffffu, floats & (ascending < 0x80000000u));
    return select(bits, 0x7fc00000u, floats & (state == 0xffffffffu));
}
