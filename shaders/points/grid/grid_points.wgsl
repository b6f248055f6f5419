// The rule of a grid whose samples are points: grid_position.wgsl, points.wgsl.

fn grid_rule() -> GridRule {
    return GridRule(
        params.points.height,
        params.points.width,
        params.points.padding,
        params.points.align_corners,
    );
}

fn grid_pixels() -> vec2<i32> {
    return bitcast<vec2<i32>>(vec2<u32>(params.points.height, params.points.width));
}
