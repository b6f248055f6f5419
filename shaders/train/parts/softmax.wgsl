// The softmax of rows of logits: exp(logit - largest) / sum, where sum is that of exp(logit - largest) over the row
//
// logits (rows, classes)
//
// One workgroup does one row, each invocation every 64th class. Largest and sum are found in one pass: a sum is scaled whenever a larger
// logit comes, and so are the sums of two invocations where they meet in a tree.

@group(0) @binding(1) var<storage, read> logits: array<f32>;

var<workgroup> partial: array<vec2<f32>, 64>;

// exp of what is not positive; 0 where it would be no normal number.
fn decay(x: f32) -> f32 {
    return select(exp(x), 0.0, x < -87.0);
}

// Of the row that starts at a logit: the largest logit and the sum, which is NaN where a logit is NaN or infinite. All invocations get it.
fn largest_and_sum(start: u32, lane: u32) -> vec2<f32> {
    var mine = vec2<f32>(-3.4028234e38, 0.0);
    // Not the uniform itself: see matmul/parts/matmul.wgsl.
    let end = select(0u, params.classes, lane < params.classes);
    for (var at = lane; at < end; at += 64u) {
        let given = logits[start + at];
        // The sum tells that there was one.
        let spoils = is_nan(given) | (bitcast<u32>(given) == INFINITY);
        let logit = select(given, mine.x, spoils);
        let largest = max(mine.x, logit);
        mine = vec2<f32>(largest, mine.y * decay(mine.x - largest) + or_nan(decay(logit - largest), spoils));
    }
    partial[lane] = mine;
    for (var reach = 32u; reach > 0u; reach /= 2u) {
        workgroupBarrier();
        if lane < reach {
            let a = partial[lane];
            let b = partial[lane + reach];
            let largest = max(a.x, b.x);
            partial[lane] = vec2<f32>(largest, a.y * decay(a.x - largest) + b.y * decay(b.x - largest));
        }
    }
    workgroupBarrier();
    return partial[0];
}

const INFINITY = 0x7f800000u;

fn is_nan(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > INFINITY;
}

fn or_nan(value: f32, spoilt: bool) -> f32 {
    return bitcast<f32>(select(bitcast<u32>(value), 0x7fc00000u, spoilt));
}

// The class that a label names, or NO_CLASS.
const NO_CLASS = 0xffffffffu;

fn class_of(label: f32) -> u32 {
    let at = u32(clamp(label, 0.0, 16777216.0));
    return select(NO_CLASS, at, (f32(at) == label) & (at < params.classes));
}

// Whether what is made of a row is NaN: decided on bits, since adapters may assume that there is none.
fn spoilt(sum: f32, label: u32) -> bool {
    return is_nan(sum) | (label == NO_CLASS);
}
