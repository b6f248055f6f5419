// Keys of elements: unsigned words, the larger of which comes first in an order. Of floats 0 and -0 have one key.

// The order of elements that are 32-bit integers, and else floats.
const INTEGERS = 1u;
// The smallest comes first, and else the largest.
const SMALLEST = 2u;
// NaN comes last, and else first.
const NAN_LAST = 4u;

// The least key of a float but NaN: that of the infinity that comes last.
const LAST_FLOAT = 0x007fffffu;

fn key_of(bits: u32, order: u32) -> u32 {
    let floats = (order & INTEGERS) == 0u;
    let magnitude = bits & 0x7fffffffu;
    let word = select(bits, 0u, floats & (magnitude == 0u));
    let ascending = word ^ select(0x80000000u, 0xffffffffu, floats & (word >= 0x80000000u));
    let key = select(ascending, ~ascending, (order & SMALLEST) != 0u);
    let of_nan = select(0xffffffffu, 0u, (order & NAN_LAST) != 0u);
    return select(key, of_nan, floats & (magnitude > 0x7f800000u));
}
