// Cubic samples of a grid: 4x4 pixels, row by row.
//
// Images: shared/planes, images_quads.wgsl; their pixels are params.input_pixel apart: of each row and column `near` says where its first pixel
// lies, counted from the first of all.

alias Near = GridCubic;

fn near(value_bits: vec2<u32>) -> Near {
    var around = grid_cubic(value_bits, params.rule);
    around.y.pixel *= params.rule.width * params.input_pixel;
    around.x.pixel *= params.input_pixel;
    return around;
}

// The sum of weights times values. A value of weight 0 does not count, whatever it is.
fn sum_of(weight: vec4<f32>, value: vec4<f32>) -> f32 {
    return dot(weight, select(vec4<f32>(0.0), value, weight != vec4<f32>(0.0)));
}

// A pixel times its weight.
fn weighted(weight: f32, address: u32) -> Lanes {
    return weight * select(Lanes(0.0), load_input(address), weight != 0.0);
}

fn sampled_row(around: Near, start: u32, weight_y: f32) -> Lanes {
    let weight = weight_y * around.x.weight;
    return weighted(weight.x, start + around.x.pixel.x)
        + weighted(weight.y, start + around.x.pixel.y)
        + weighted(weight.z, start + around.x.pixel.z)
        + weighted(weight.w, start + around.x.pixel.w);
}

fn sampled(around: Near, start: u32) -> Lanes {
    return sampled_row(around, start + around.y.pixel.x, around.y.weight.x)
        + sampled_row(around, start + around.y.pixel.y, around.y.weight.y)
        + sampled_row(around, start + around.y.pixel.z, around.y.weight.z)
        + sampled_row(around, start + around.y.pixel.w, around.y.weight.w);
}
