// Neighbours times masks: shared/bilinear.wgsl, shared/rows/offsets.wgsl, shared/panels/offsets.wgsl.

// The neighbours of a sampling point, counted from point_first, whose tap lies at `base` before any offset; their weights times its mask.
fn modulated_neighbours(base: vec2<i32>, image: u32, out_pixel: u32, at: u32) -> Neighbours {
    let extent = vec2<i32>(i32(params.window.height), i32(params.window.width));
    var result = neighbours(base, offset_bits(image, out_pixel, at), extent, params.border);
    if params.modulated != 0u {
        // What does not count stays 0, even where the mask is infinite.
        let weight = result.weight * modulation(image, out_pixel, at);
        result.weight = select(vec4<f32>(0.0), weight, result.weight != vec4<f32>(0.0));
    }
    return result;
}
