// What roi_pool makes of the samples of a bin: the largest of all neighbours times their weights, NaN where one is NaN. A neighbour of weight 0 counts 0,
// and so do samples that are left out, of which the bin's factor tells: it is 1 where there are none, and else 0.

// The largest so far, and 1 where there is one.
alias Sums = vec2<f32>;

fn of_none() -> Sums {
    return vec2<f32>(0.0);
}

fn is_nan(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

fn larger(a: f32, b: f32) -> f32 {
    return select(a, b, ((b > a) | is_nan(b)) & !is_nan(a));
}

fn together(a: Sums, b: Sums) -> Sums {
    return select(select(vec2<f32>(larger(a.x, b.x), 1.0), b, a.y == 0.0), a, b.y == 0.0);
}

fn of_sample(weight: vec4<f32>, near: vec4<f32>) -> Sums {
    let weighted = select(vec4<f32>(0.0), weight * near, weight != vec4<f32>(0.0));
    return vec2<f32>(larger(larger(weighted.x, weighted.y), larger(weighted.z, weighted.w)), 1.0);
}

// The output, which held `before` where `later` is true.
fn pooled(sums: Sums, bin: Bin, before: f32, later: bool) -> f32 {
    let left_out = vec2<f32>(0.0, 1.0 - bin.factor);
    return together(together(sums, left_out), vec2<f32>(before, select(0.0, 1.0, later))).x;
}
