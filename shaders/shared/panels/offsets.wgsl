// Offsets and masks of the sampling points of a window, in a texture of elements.
//
// points        dy of sampling point `point` = offset_group * taps + tap at pixel `p` of image `n` is texel
//               y_first + n * y_batch + (point - point_first) * y_step + p - origin; dx and, where modulated is not 0, its mask likewise
//
// A dispatch does the sampling points from point_first on, `points` of them, and leaves what belongs to others alone.

fn load_point(address: u32) -> f32 {
    return textureLoad(points, texel(address)).x;
}

// The bits of (dy, dx) of a sampling point, counted from point_first.
fn offset_bits(image: u32, out_pixel: u32, at: u32) -> vec2<u32> {
    let p = out_pixel - params.offsets.origin;
    return bitcast<vec2<u32>>(vec2<f32>(
        load_point(params.offsets.y_first + image * params.offsets.y_batch + at * params.offsets.y_step + p),
        load_point(params.offsets.x_first + image * params.offsets.x_batch + at * params.offsets.x_step + p),
    ));
}

// Its mask, where there is one.
fn modulation(image: u32, out_pixel: u32, at: u32) -> f32 {
    let p = out_pixel - params.offsets.origin;
    return load_point(params.offsets.mask_first + image * params.offsets.mask_batch + at * params.offsets.mask_step + p);
}
