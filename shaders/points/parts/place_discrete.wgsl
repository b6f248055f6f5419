// Points of levels, each at one pixel: trunc(x * width + 0.5), trunc(y * height + 0.5), clamped to the level of the point.
//
// table  height, width, first pixel and first cell of the level of each point

fn place_of(image: u32, query: u32, head: u32, point: u32) -> Place {
    let bits = position_bits(image, query, head, point);
    let level = table[point];
    let extent = vec2<f32>(level.xy);
    let finite = is_finite_bits(bits.x) && is_finite_bits(bits.y);
    let value = bitcast<vec2<f32>>(select(vec2<u32>(0u), bits, finite));
    let pixel = floor(clamp(value * extent + 0.5, vec2<f32>(0.0), extent - 1.0));
    return Place(
        bitcast<vec2<i32>>(vec2<u32>(whole(pixel.x), whole(pixel.y))),
        vec2<f32>(0.0),
        vec2<f32>(0.0),
        bitcast<vec2<i32>>(level.xy),
        level.z,
        level.w,
        finite,
        weight_bits(image, query, head, point),
    );
}
