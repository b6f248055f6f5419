// How parts of a softmax, exp(x - largest) / sum over a row, are put together as they come. A part is known by its largest element and by sums
// of multiples of exp(x - largest), which are scaled wherever a larger element comes.

// The largest element of a part without elements.
const LEAST = -3.4028234e38;

const INFINITY = 0x7f800000u;

fn is_nan(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > INFINITY;
}

fn or_nan(value: f32, spoilt: bool) -> f32 {
    return bitcast<f32>(select(bitcast<u32>(value), 0x7fc00000u, spoilt));
}

// Whether an element makes NaN of its row: NaN or infinity, decided on bits, since adapters may assume that there is neither. A negative
// infinity counts 0.
fn spoils(x: f32) -> bool {
    return is_nan(x) | (bitcast<u32>(x) == INFINITY);
}

// exp of what is not positive; 0 where it would be no normal number.
fn decay(x: f32) -> f32 {
    return select(exp(x), 0.0, x < -87.0);
}

// The largest element of two parts together, of which `a` and `b` are the largest elements, and what the sums of either are scaled by.
fn joined(a: f32, b: f32) -> vec3<f32> {
    let largest = max(a, b);
    return vec3<f32>(largest, decay(a - largest), decay(b - largest));
}
