// Cubic samples of a grid: 4x4 pixels, row by row.

alias Near = GridCubic;

fn near(value_bits: vec2<u32>) -> Near {
    return grid_cubic(value_bits, params.rule);
}

fn pixels_of(around: Near, plane: u32, row: u32) -> vec4<f32> {
    let start = plane + row * params.rule.width;
    return vec4<f32>(
        input[start + around.x.pixel.x],
        input[start + around.x.pixel.y],
        input[start + around.x.pixel.z],
        input[start + around.x.pixel.w],
    );
}

// The sum of weights times values. A value of weight 0 does not count, whatever it is.
fn sum_of(weight: vec4<f32>, value: vec4<f32>) -> f32 {
    return dot(weight, select(vec4<f32>(0.0), value, weight != vec4<f32>(0.0)));
}

fn sampled(around: Near, plane: u32) -> f32 {
    return sum_of(around.y.weight.x * around.x.weight, pixels_of(around, plane, around.y.pixel.x))
        + sum_of(around.y.weight.y * around.x.weight, pixels_of(around, plane, around.y.pixel.y))
        + sum_of(around.y.weight.z * around.x.weight, pixels_of(around, plane, around.y.pixel.z))
        + sum_of(around.y.weight.w * around.x.weight, pixels_of(around, plane, around.y.pixel.w));
}
