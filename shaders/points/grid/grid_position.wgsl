// Where the samples of a grid lie: the same rules for the op and its gradients. All vectors are (y, x).
//
// A grid value is -1 at the first end of an axis and 1 at the last: the centres of the outermost pixels where `align_corners` is 1, else the
// edges of the image, half a pixel further out. Padding moves a position outside into the image or, in cubic samples, each pixel; zeros leaves
// it where it is, and pixels outside count 0. No grid value gives a position that is infinite or NaN, or a number that is beyond i32.

struct GridRule {
    height: u32,
    width: u32,
    padding: u32,
    align_corners: u32,
}

// PaddingMode in Rust, in its order.
const PAD_ZEROS = 0u;
const PAD_BORDER = 1u;
const PAD_REFLECTION = 2u;

// The furthest position.
const GRID_FURTHEST = 1073741824.0;

fn grid_extent(rule: GridRule) -> vec2<f32> {
    return vec2<f32>(f32(rule.height), f32(rule.width));
}

// Whether both grid values are finite, decided on the bits: WGSL lets an implementation assume that no value is infinite or NaN.
fn grid_finite(value_bits: vec2<u32>) -> bool {
    return all((value_bits & vec2<u32>(0x7f800000u)) != vec2<u32>(0x7f800000u));
}

// The positions in pixels, of (0, 0) where they are not finite.
fn grid_unpadded(value_bits: vec2<u32>, rule: GridRule) -> vec2<f32> {
    let value = bitcast<vec2<f32>>(select(vec2<u32>(0u), value_bits, grid_finite(value_bits)));
    let from_first = clamp(value, vec2<f32>(-4.0 * GRID_FURTHEST), vec2<f32>(4.0 * GRID_FURTHEST)) + 1.0;
    let extent = grid_extent(rule);
    let between_edges = (from_first * extent - 1.0) * 0.5;
    let between_centres = from_first * 0.5 * (extent - 1.0);
    let position = select(between_edges, between_centres, rule.align_corners != 0u);
    return clamp(position, vec2<f32>(-GRID_FURTHEST), vec2<f32>(GRID_FURTHEST));
}

// The derivative of a position by the grid value, before it is padded.
fn grid_scale(rule: GridRule) -> vec2<f32> {
    return 0.5 * (grid_extent(rule) - select(0.0, 1.0, rule.align_corners != 0u));
}

// Positions with the padding applied, and their derivative.
struct GridPadded {
    position: vec2<f32>,
    slope: vec2<f32>,
}

fn grid_padded(position: vec2<f32>, rule: GridRule) -> GridPadded {
    if rule.padding == PAD_ZEROS {
        return GridPadded(position, vec2<f32>(1.0));
    }
    let last = grid_extent(rule) - 1.0;
    var moved = position;
    var slope = vec2<f32>(1.0);
    if rule.padding == PAD_REFLECTION {
        let low = select(-0.5, 0.0, rule.align_corners != 0u);
        let span = last - 2.0 * low;
        // A span of 0 has one position, 0.
        let period = max(2.0 * span, vec2<f32>(1.0));
        var beyond = position - low;
        beyond -= floor(beyond / period) * period;
        // The quotient was rounded.
        beyond += select(vec2<f32>(0.0), period, beyond < vec2<f32>(0.0));
        beyond -= select(vec2<f32>(0.0), period, beyond >= period);
        let back = beyond >= span;
        moved = low + select(beyond, period - beyond, back);
        slope = select(slope, -slope, back);
    }
    let within = (moved > vec2<f32>(0.0)) & (moved < last);
    return GridPadded(clamp(moved, vec2<f32>(0.0), last), select(vec2<f32>(0.0), slope, within));
}

// The pixels at whole positions.
fn grid_pixel(position: vec2<f32>) -> vec2<i32> {
    return vec2<i32>(bitcast<i32>(whole(position.x)), bitcast<i32>(whole(position.y)));
}

// A pixel on one axis with the padding applied; outside with zeros alone.
fn grid_padded_pixel(pixel: i32, extent: u32, rule: GridRule) -> i32 {
    let last = i32(extent) - 1;
    if rule.padding == PAD_BORDER {
        return clamp(pixel, 0, last);
    }
    if rule.padding == PAD_REFLECTION {
        // Reflected at the centre of the first pixel, or at its edge.
        let aligned = rule.align_corners != 0u;
        let beyond = u32(select(pixel, select(~pixel, -pixel, aligned), pixel < 0));
        let period = select(2u * extent, max(2u * extent - 2u, 1u), aligned);
        let rest = i32(divide(beyond, period).y);
        return select(rest, select(2 * last + 1, 2 * last, aligned) - rest, rest > last);
    }
    return pixel;
}

// The cell of a sample, the four pixels around it, and where in it the sample lies. A nearest sample is the cell's first pixel.
struct GridCell {
    // The first pixel: it or the one behind it may be outside the image, on each axis.
    low: vec2<i32>,
    // How far the sample lies behind the first pixel, in 0..1: the weight of the one behind.
    fraction: vec2<f32>,
    // The derivative of the fraction by the grid value.
    slope: vec2<f32>,
    // Whether any pixel of weight other than 0 may be inside; where not, the rest means nothing.
    inside: bool,
}

fn grid_cell_bilinear(value_bits: vec2<u32>, rule: GridRule) -> GridCell {
    let padded = grid_padded(grid_unpadded(value_bits, rule), rule);
    let below = floor(padded.position);
    let low = grid_pixel(below);
    let inside = all(low >= vec2<i32>(-1)) && all(low < vec2<i32>(i32(rule.height), i32(rule.width)));
    return GridCell(low, padded.position - below, padded.slope * grid_scale(rule), grid_finite(value_bits) && inside);
}

// Rounded, then padded, where round_first is 1; else padded, then rounded.
fn grid_cell_nearest(value_bits: vec2<u32>, round_first: u32, rule: GridRule) -> GridCell {
    let position = grid_unpadded(value_bits, rule);
    // Ties go to the even pixel.
    var low = grid_pixel(round(position));
    if round_first != 0u {
        low = vec2<i32>(grid_padded_pixel(low.x, rule.height, rule), grid_padded_pixel(low.y, rule.width, rule));
    } else {
        low = grid_pixel(round(grid_padded(position, rule).position));
    }
    let inside = all(low >= vec2<i32>(0)) && all(low < vec2<i32>(i32(rule.height), i32(rule.width)));
    return GridCell(low, vec2<f32>(0.0), vec2<f32>(0.0), grid_finite(value_bits) && inside);
}

// The four pixels that a cubic sample is taken from along an axis: where they are after padding, always inside the image, their weights, and
// the derivatives of these by the grid value. Both are 0 where a pixel was outside.
struct GridTaps {
    pixel: vec4<u32>,
    weight: vec4<f32>,
    slope: vec4<f32>,
}

fn grid_taps(position: f32, scale: f32, extent: u32, finite: bool, rule: GridRule) -> GridTaps {
    let below = floor(position);
    let low = bitcast<i32>(whole(below));
    let pixel = vec4<i32>(
        grid_padded_pixel(low - 1, extent, rule),
        grid_padded_pixel(low, extent, rule),
        grid_padded_pixel(low + 1, extent, rule),
        grid_padded_pixel(low + 2, extent, rule),
    );
    let inside = vec4<bool>(finite) & (pixel >= vec4<i32>(0)) & (pixel < vec4<i32>(i32(extent)));

    // Keys' cubic convolution with A = -0.75, in factors that are 0 at whole positions where the sum is.
    let t = position - below;
    let s = 1.0 - t;
    let weight = vec4<f32>(
        -0.75 * t * s * s,
        (1.25 * t - 2.25) * t * t + 1.0,
        (1.25 * s - 2.25) * s * s + 1.0,
        -0.75 * s * t * t,
    );
    let slope = scale * vec4<f32>(
        -0.75 * s * (1.0 - 3.0 * t),
        (3.75 * t - 4.5) * t,
        (4.5 - 3.75 * s) * s,
        -0.75 * t * (2.0 - 3.0 * t),
    );
    return GridTaps(
        vec4<u32>(select(vec4<i32>(0), pixel, inside)),
        select(vec4<f32>(0.0), weight, inside),
        select(vec4<f32>(0.0), slope, inside),
    );
}

// The 4x4 pixels of a cubic sample. A pixel that is reflected or moved to the border may be there several times.
struct GridCubic {
    y: GridTaps,
    x: GridTaps,
}

fn grid_cubic(value_bits: vec2<u32>, rule: GridRule) -> GridCubic {
    let position = grid_unpadded(value_bits, rule);
    let scale = grid_scale(rule);
    let finite = grid_finite(value_bits);
    return GridCubic(
        grid_taps(position.x, scale.x, rule.height, finite, rule),
        grid_taps(position.y, scale.y, rule.width, finite, rule),
    );
}
