// Points of a window over one image: at the output pixel times the stride, plus the place of the tap, plus the offset times `scale`.
//
// table  bits of the place of each tap in a window at the origin, y and then x

fn place_of(image: u32, query: u32, head: u32, point: u32) -> Place {
    let bits = position_bits(image, query, head, point);
    let out = divide(params.points.query_first + query, params.points.out_width);
    let base = bitcast<vec2<i32>>(out * vec2<u32>(params.points.stride_y, params.points.stride_x));
    let tap = bitcast<vec2<f32>>(table[point].xy);
    let extent = bitcast<vec2<i32>>(vec2<u32>(params.points.height, params.points.width));
    let delta = finite_or_nan(tap + bitcast<vec2<f32>>(bits) * params.points.scale, bits);
    let at = position(base, delta, extent, ZEROS);
    return Place(
        vec2<i32>(at.y.low, at.x.low),
        vec2<f32>(at.y.fraction, at.x.fraction),
        vec2<f32>(params.points.scale),
        extent,
        0u,
        0u,
        at.inside,
        weight_bits(image, query, head, point),
    );
}
