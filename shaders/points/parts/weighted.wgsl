// Points with weights: `weights` holds bits, for each (image, query, head, point) of a piece of the work.
//
// A file behind this one says what `table` holds, four words for each point of a head.

fn weight_bits(image: u32, query: u32, head: u32, point: u32) -> u32 {
    return weights[params.points.weights_first + image * params.points.weights_image
        + query * params.points.weights_query + head * params.points.weights_head + point];
}

// Bits, or those of a NaN where what they were made of is not finite.
fn finite_or_nan(value: vec2<f32>, given_bits: vec2<u32>) -> vec2<u32> {
    let finite = vec2<bool>(is_finite_bits(given_bits.x), is_finite_bits(given_bits.y));
    return select(vec2<u32>(0x7fc00000u), bitcast<vec2<u32>>(value), finite);
}
