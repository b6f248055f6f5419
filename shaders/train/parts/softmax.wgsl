// The softmax of rows of logits: exp(logit - largest) / sum, where sum is that of exp(logit - largest) over the row
//
// logits (rows, classes)
//
// One workgroup does one row, each invocation every 64th class. Largest and sum are found in one pass: see shared/softmax.wgsl.

@group(0) @binding(1) var<storage, read> logits: array<f32>;

var<workgroup> partial: array<vec2<f32>, 64>;

// Of the row that starts at a logit: the largest logit and the sum, which is NaN where a logit is NaN or infinite. All invocations get it.
fn largest_and_sum(start: u32, lane: u32) -> vec2<f32> {
    var mine = vec2<f32>(LEAST, 0.0);
    // Not the uniform itself: see matmul/parts/matmul.wgsl.
    let end = select(0u, params.classes, lane < params.classes);
    for (var at = lane; at < end; at += 64u) {
        let given = logits[start + at];
        // The sum tells that there was one.
        let spoiling = spoils(given);
        let join = joined(mine.x, select(given, mine.x, spoiling));
        mine = vec2<f32>(join.x, mine.y * join.y + or_nan(join.z, spoiling));
    }
    partial[lane] = mine;
    var reach = 32u;
    loop {
        workgroupBarrier();
        if lane < reach {
            let a = partial[lane];
            let b = partial[lane + reach];
            let join = joined(a.x, b.x);
            partial[lane] = vec2<f32>(join.x, a.y * join.y + b.y * join.z);
        }
        reach /= 2u;
        if reach == 0u {
            break;
        }
    }
    workgroupBarrier();
    return partial[0];
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
