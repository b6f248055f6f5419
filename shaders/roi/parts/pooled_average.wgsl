// What roi_pool makes of the samples of a bin: their sum times the bin's factor, the reciprocal of their number. A neighbour of weight 0 does not count.

alias Sums = f32;

fn of_none() -> Sums {
    return 0.0;
}

fn together(a: Sums, b: Sums) -> Sums {
    return a + b;
}

fn of_sample(weight: vec4<f32>, near: vec4<f32>) -> Sums {
    return dot(weight, select(vec4<f32>(0.0), near, weight != vec4<f32>(0.0)));
}

// The output, which held `before` where `later` is true.
fn pooled(sums: Sums, bin: Bin, before: f32, later: bool) -> f32 {
    return select(0.0, before, later) + sums * bin.factor;
}
