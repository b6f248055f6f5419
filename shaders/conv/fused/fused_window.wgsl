// How a plain window is sampled: one pixel for each point, counted from band_first; its factor is 1 where it lies in image and band, and else 0.
alias Factor = f32;

struct Point {
    corner: u32,
    factor: Factor,
}

fn point_of(place: Place, tap: Tap, offset_group: u32) -> Point {
    let base = position_of(place, tap);
    let extent = vec2<i32>(i32(params.window.height), i32(params.window.width));
    let at = vec2<u32>(clamp(base, vec2<i32>(0), extent - 1));
    let in_band = (place.image * params.window.height + at.x) * params.window.width + at.y - params.window.band_first;
    let inside = all((base >= vec2<i32>(0)) & (base < extent)) && in_band < params.window.band_pixels && place.exists;
    return Point(in_band, select(0.0, 1.0, inside));
}

fn sample(corner: u32, factor: Factor, quad: u32) -> vec4<f32> {
    let inside = factor != 0.0;
    return select(vec4<f32>(0.0), packed[corner * params.window.quads + quad], inside);
}
