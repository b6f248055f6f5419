// How two floats compare, decided on their bits: a shader may take for granted that there is no NaN, and numbers below the least normal f32 for 0.
const LESS = 0u;
const EQUAL = 1u;
const GREATER = 2u;
const UNORDERED = 3u;

// An integer that is as large among those of other floats as the float is; zeros of either sign have 0.
fn order_of(bits: i32) -> i32 {
    return select(bits, bitcast<i32>(0x80000000u - bitcast<u32>(bits)), bits < 0);
}

fn relation_of_integers(a: i32, b: i32) -> u32 {
    return select(select(GREATER, EQUAL, a == b), LESS, a < b);
}

// Of floats, given by their bits.
fn relation_of_floats(a: i32, b: i32) -> u32 {
    let nan = max(bitcast<u32>(a) & 0x7fffffffu, bitcast<u32>(b) & 0x7fffffffu) > 0x7f800000u;
    return select(relation_of_integers(order_of(a), order_of(b)), UNORDERED, nan);
}

fn relation(a: f32, b: f32) -> u32 {
    return relation_of_floats(bitcast<i32>(a), bitcast<i32>(b));
}
