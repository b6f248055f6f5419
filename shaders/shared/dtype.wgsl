// How elements are stored, DType in Rust, by number. All of it is decided on bits: what an implementation may assume of infinities,
// NaN and denormals does not matter.
const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;

// Elements of a word.
fn per_word(dtype: u32) -> u32 {
    return select(2u, 1u, dtype == F32);
}

// The bits, as f32, of an element that lies in a word at `index % per_word`.
fn decode(word: u32, index: u32, dtype: u32) -> u32 {
    if dtype == F32 {
        return word;
    }
    let half = (word >> (16u * (index % 2u))) & 0xffffu;
    if dtype == BF16 {
        return half << 16u;
    }
    let sign = (half & 0x8000u) << 16u;
    let magnitude = half & 0x7fffu;
    if magnitude >= 0x7c00u {
        // Infinity and NaN.
        return sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13u);
    }
    if magnitude >= 0x400u {
        return sign | ((magnitude << 13u) + 0x38000000u);
    }
    // A multiple of 2^-24, which is a normal f32.
    return sign | bitcast<u32>(f32(magnitude) * 5.9604644775390625e-8);
}

// The bits of f32 shifted right by 1 to 31, rounded to nearest, ties to even.
fn shift_rounded(bits: u32, shift: u32) -> u32 {
    let below = (1u << (shift - 1u)) - 1u;
    return (bits + below + ((bits >> shift) & 1u)) >> shift;
}

// The 16 bits of an element whose bits as f32 are given, rounded once; beyond the range it is infinite.
fn encode(bits: u32, dtype: u32) -> u32 {
    let sign = (bits >> 16u) & 0x8000u;
    let magnitude = bits & 0x7fffffffu;
    if magnitude > 0x7f800000u {
        // A quiet NaN of either type.
        return sign | select(0x7e00u, 0x7fc0u, dtype == BF16);
    }
    if dtype == BF16 {
        return sign | shift_rounded(magnitude, 16u);
    }
    if magnitude >= 0x47800000u {
        return sign | 0x7c00u;
    }
    if magnitude >= 0x38800000u {
        return sign | shift_rounded(magnitude - 0x38000000u, 13u);
    }
    // Multiples of 2^-24; half of one, and less, is 0.
    if magnitude <= 0x33000000u {
        return sign;
    }
    return sign | shift_rounded((magnitude & 0x7fffffu) | 0x800000u, 126u - (magnitude >> 23u));
}
