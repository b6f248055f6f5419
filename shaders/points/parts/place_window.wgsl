// Points of a window over one image: at the output pixel times the stride, plus the place of the tap, plus the offset times `scale`.
//
// table  bits of the place of each tap in a window at the origin, y and then x

fn place_of(bits: vec2<u32>, query: u32, point: u32) -> Place {
    let out = divide(params.points.query_first + query, params.points.out_width);
    let base = vec2<i32>(bitcast<i32>(out.x * params.points.stride_y), bitcast<i32>(out.y * params.points.stride_x));
    let tap = bitcast<vec2<f32>>(table[point].xy);
    let extent = bitcast<vec2<i32>>(vec2<u32>(params.points.height, params.points.width));
    let delta = finite_or_nan(tap + bitcast<vec2<f32>>(bits) * params.points.scale, bits);
    return bilinear_place(position(base, delta, extent, ZEROS), extent, vec2<f32>(params.points.scale));
}
