// The shares of a point, of which the place and the corners are known: points/parts/shares.wgsl.

fn shares_of(place: Place, corners: Corners) -> Shares {
    let weight = corners.weight_y * corners.weight_x;
    let counts = corners.exists & (weight != vec4<f32>(0.0)) & vec4<bool>(!is_zero_bits(place.weight));
    return Shares(select(vec4<u32>(NOWHERE), corners.pixel, counts), weight * bitcast<f32>(place.weight));
}
