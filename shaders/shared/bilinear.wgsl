// The four neighbours of a position in an image: the same rules for every op that samples.

// Pixels y * width + x of the neighbours, always inside the image, and their weights. A neighbour of weight 0 does not count,
// and what is read there is not to be used: it may be anything.
struct Neighbours {
    pixel: vec4<u32>,
    weight: vec4<f32>,
}

// A position on one axis: the cell below it, the cell above it, and how far it lies above the lower, in 0..1.
struct AxisPosition {
    low: i32,
    high: i32,
    fraction: f32,
    inside: bool,
}

// Decided on the bits: WGSL lets an implementation assume that no value is infinite or NaN.
fn is_finite_bits(bits: u32) -> bool {
    return (bits & 0x7f800000u) != 0x7f800000u;
}

// The position base + delta. The two are never added in floating point, so a position is exact in an image of any size.
fn axis_position(base: i32, delta: f32, extent: i32, border: u32) -> AxisPosition {
    // Extents and bases stay below 2^29, so a delta beyond 2^30 is outside, wherever it is.
    let within = clamp(delta, -1073741824.0, 1073741824.0);
    let below = floor(within);
    let low = base + bitcast<i32>(whole(below));
    let lowest = select(0, -1, border == ZEROS);
    let high = select(low + 1, min(low + 1, extent - 1), border == CLAMP_HI);
    return AxisPosition(low, high, within - below, lowest <= low && low < extent);
}

// A position in an image: outside where either axis is, and where a delta is not finite.
struct Position {
    y: AxisPosition,
    x: AxisPosition,
    inside: bool,
}

// The position base + delta, (y, x), where the deltas are given as bits of f32.
fn position(base: vec2<i32>, delta_bits: vec2<u32>, extent: vec2<i32>, border: u32) -> Position {
    let finite = is_finite_bits(delta_bits.x) && is_finite_bits(delta_bits.y);
    let delta = bitcast<vec2<f32>>(select(vec2<u32>(0u), delta_bits, finite));
    let y = axis_position(base.x, delta.x, extent.x, border);
    let x = axis_position(base.y, delta.y, extent.y, border);
    return Position(y, x, finite && y.inside && x.inside);
}

// The neighbours of such a position. Outside all weights are 0.
fn neighbours(base: vec2<i32>, delta_bits: vec2<u32>, extent: vec2<i32>, border: u32) -> Neighbours {
    let at = position(base, delta_bits, extent, border);
    let y = at.y;
    let x = at.x;
    let row = vec2<i32>(y.low, y.high);
    let column = vec2<i32>(x.low, x.high);
    let row_counts = (row >= vec2<i32>(0)) & (row < vec2<i32>(extent.x));
    let column_counts = (column >= vec2<i32>(0)) & (column < vec2<i32>(extent.y));
    let row_weight = select(vec2<f32>(0.0), vec2<f32>(1.0 - y.fraction, y.fraction), row_counts & vec2<bool>(at.inside));
    let column_weight = select(vec2<f32>(0.0), vec2<f32>(1.0 - x.fraction, x.fraction), column_counts);
    let row_start = clamp(row, vec2<i32>(0), vec2<i32>(extent.x - 1)) * extent.y;
    let column_inside = clamp(column, vec2<i32>(0), vec2<i32>(extent.y - 1));
    return Neighbours(
        vec4<u32>(row_start.xxyy + column_inside.xyxy),
        row_weight.xxyy * column_weight.xyxy,
    );
}
