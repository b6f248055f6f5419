// Points of levels: at (x * width - 0.5, y * height - 0.5) of the level of the point.
//
// table  height, width, first pixel and first cell of the level of each point

fn place_of(image: u32, query: u32, head: u32, point: u32) -> Place {
    let bits = position_bits(image, query, head, point);
    let level = table[point];
    let extent = bitcast<vec2<i32>>(level.xy);
    let scale = vec2<f32>(level.xy);
    let delta = finite_or_nan(bitcast<vec2<f32>>(bits) * scale - 0.5, bits);
    let at = position(vec2<i32>(0), delta, extent, ZEROS);
    return Place(
        vec2<i32>(at.y.low, at.x.low),
        vec2<f32>(at.y.fraction, at.x.fraction),
        scale,
        extent,
        level.z,
        level.w,
        at.inside,
        weight_bits(image, query, head, point),
    );
}
