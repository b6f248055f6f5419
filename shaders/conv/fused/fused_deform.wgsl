// How a deformable window is sampled: from four pixels for each point. The corner is the first of them, counted from band_first in two's
// complement, times 4, plus 1 where the second is not the same, plus 2 where the third is not; the factor is what each counts.
alias Factor = vec4<f32>;

@group(0) @binding(6) var<storage, read> offset_y: array<u32>;
@group(0) @binding(7) var<storage, read> offset_x: array<u32>;
@group(0) @binding(8) var<storage, read> mask: array<f32>;

struct Point {
    corner: u32,
    factor: Factor,
}

fn point_of(place: Place, tap: Tap, offset_group: u32) -> Point {
    let at = offset_group * params.window.taps + tap.number - params.offsets.point_first;
    if !place.exists || at >= params.offsets.points {
        return Point(0u, vec4<f32>(0.0));
    }
    let near = modulated_neighbours(position_of(place, tap), place.image, place.out_pixel, at);
    let in_band = near.pixel + place.image * params.window.height * params.window.width - params.window.band_first;
    let apart = vec2<u32>(near.pixel.yz != near.pixel.xx);
    let factor = select(vec4<f32>(0.0), near.weight, in_band < vec4<u32>(params.window.band_pixels));
    return Point(4u * in_band.x + apart.x + 2u * apart.y, factor);
}

// Of a pixel that does not count, something is loaded, wherever it lies, and not used.
fn sample(corner: u32, factor: Factor, quad: u32) -> vec4<f32> {
    let counts = factor != vec4<f32>(0.0);
    let quads = params.window.quads;
    let first = u32(bitcast<i32>(corner) >> 2u) * quads + quad;
    let right = select(0u, quads, (corner & 1u) != 0u);
    let below = select(0u, params.window.width * quads, (corner & 2u) != 0u);
    let source = vec4<u32>(first) + vec4<u32>(0u, right, below, below + right);
    var value = factor.x * select(vec4<f32>(0.0), packed[source.x], counts.x);
    value += factor.y * select(vec4<f32>(0.0), packed[source.y], counts.y);
    value += factor.z * select(vec4<f32>(0.0), packed[source.z], counts.z);
    value += factor.w * select(vec4<f32>(0.0), packed[source.w], counts.w);
    return value;
}
