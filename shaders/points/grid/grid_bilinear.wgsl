// Bilinear samples of a grid: the pixels of a cell, as row 0 and row 1, column 0 and column 1.
//
// Images: shared/planes, images_quads.wgsl; their pixels are params.input_pixel apart.

struct Near {
    // Where the pixels lie, counted from the first.
    pixel: vec4<u32>,
    // 0 for pixels outside, and so are the derivatives by the grid values.
    weight: vec4<f32>,
    by_y: vec4<f32>,
    by_x: vec4<f32>,
}

fn near(value_bits: vec2<u32>) -> Near {
    let rule = params.rule;
    let cell = grid_cell_bilinear(value_bits, rule);
    let low = select(vec2<i32>(0), cell.low, cell.inside);
    let y = vec2<i32>(low.x, low.x + 1);
    let x = vec2<i32>(low.y, low.y + 1);
    let y_counts = (y >= vec2<i32>(0)) & (y < vec2<i32>(i32(rule.height))) & vec2<bool>(cell.inside);
    let x_counts = (x >= vec2<i32>(0)) & (x < vec2<i32>(i32(rule.width)));
    let counts = y_counts.xxyy & x_counts.xyxy;
    let pixel = vec4<u32>(y.xxyy) * rule.width + vec4<u32>(x.xyxy);
    let weight_y = vec2<f32>(1.0 - cell.fraction.x, cell.fraction.x).xxyy;
    let weight_x = vec2<f32>(1.0 - cell.fraction.y, cell.fraction.y).xyxy;
    let slope_y = cell.slope.x * vec4<f32>(-1.0, -1.0, 1.0, 1.0);
    let slope_x = cell.slope.y * vec4<f32>(-1.0, 1.0, -1.0, 1.0);
    return Near(
        params.input_pixel * select(vec4<u32>(0u), pixel, counts),
        select(vec4<f32>(0.0), weight_y * weight_x, counts),
        select(vec4<f32>(0.0), slope_y * weight_x, counts),
        select(vec4<f32>(0.0), weight_y * slope_x, counts),
    );
}

// The sum of weights times values. A value of weight 0 does not count, whatever it is.
fn sum_of(weight: vec4<f32>, value: vec4<f32>) -> f32 {
    return dot(weight, select(vec4<f32>(0.0), value, weight != vec4<f32>(0.0)));
}

// A pixel times its weight.
fn weighted(weight: f32, address: u32) -> Lanes {
    return weight * select(Lanes(0.0), load_input(address), weight != 0.0);
}

fn sampled(around: Near, start: u32) -> Lanes {
    return weighted(around.weight.x, start + around.pixel.x)
        + weighted(around.weight.y, start + around.pixel.y)
        + weighted(around.weight.z, start + around.pixel.z)
        + weighted(around.weight.w, start + around.pixel.w);
}
