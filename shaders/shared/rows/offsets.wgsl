// Offsets and masks of the sampling points of a window, in buffers.
//
// offset_y      bits of dy; that of sampling point `point` = offset_group * taps + tap at pixel `p` of image `n` is element
//               y_first + n * y_batch + (point - point_first) * y_step + p - origin
// offset_x      bits of dx, likewise; often the same buffer
// mask          likewise; not read where modulated is 0
//
// A dispatch does the sampling points from point_first on, `points` of them, and leaves what belongs to others alone.

// The bits of (dy, dx) of a sampling point, counted from point_first.
fn offset_bits(image: u32, out_pixel: u32, at: u32) -> vec2<u32> {
    let p = out_pixel - params.offsets.origin;
    return vec2<u32>(
        offset_y[params.offsets.y_first + image * params.offsets.y_batch + at * params.offsets.y_step + p],
        offset_x[params.offsets.x_first + image * params.offsets.x_batch + at * params.offsets.x_step + p],
    );
}

// Its mask, where there is one.
fn modulation(image: u32, out_pixel: u32, at: u32) -> f32 {
    return mask[params.offsets.mask_first + image * params.offsets.mask_batch + at * params.offsets.mask_step + out_pixel - params.offsets.origin];
}
