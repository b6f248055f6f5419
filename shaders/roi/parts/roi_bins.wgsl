// Bins of regions of interest, with the samples that count: what roi_bins makes and all others read.
//
// Bin (roi, class, row, column) is three elements of
//
// bins  along y: bits of start, size, divisions and first of an axis; along x: likewise; then how many samples there are along y and
//       along x, bits of the factor of their sum, and the image, or NOWHERE
//
// Along an axis, sample k lies at start + (first + k) * size / divisions, which is no further beyond the image than it may be, and is to
// be clamped to it. What follows from the samples that do not count is in the factor.

// The image of a RoI that lies in none.
const NOWHERE = 0xffffffffu;

struct Axis {
    start: f32,
    size: f32,
    divisions: f32,
    first: f32,
}

// Positions ascend with k where the size is positive, and descend where it is negative.
fn sample_position(axis: Axis, k: u32) -> f32 {
    return axis.start + (axis.first + f32(k)) * axis.size / axis.divisions;
}

// How many of the first `count` samples lie before `level`, on the way from the first to the last; at it counts too where `at` is true.
fn samples_before(axis: Axis, count: u32, level: f32, at: bool) -> u32 {
    var low = 0u;
    var high = count;
    while low < high {
        let middle = (low + high) / 2u;
        let position = sample_position(axis, middle);
        let behind = select(position > level, position < level, axis.size < 0.0);
        let before = !behind & (at | (position != level));
        low = select(low, middle + 1u, before);
        high = select(middle, high, before);
    }
    return low;
}

struct Bin {
    y: Axis,
    x: Axis,
    samples: vec2<u32>,
    factor: f32,
    image: u32,
}

fn unpack_axis(bits: vec4<u32>) -> Axis {
    let axis = bitcast<vec4<f32>>(bits);
    return Axis(axis.x, axis.y, axis.z, axis.w);
}

fn unpack_bin(y: vec4<u32>, x: vec4<u32>, rest: vec4<u32>) -> Bin {
    return Bin(unpack_axis(y), unpack_axis(x), rest.xy, bitcast<f32>(rest.z), rest.w);
}

// A position on an axis, clamped to the image: the pixel below it, the one above, and how far it lies above the lower.
struct Between {
    low: u32,
    high: u32,
    fraction: f32,
}

fn between(position: f32, extent: u32) -> Between {
    let clamped = clamp(position, 0.0, f32(extent - 1u));
    let low = min(u32(clamped), extent - 1u);
    return Between(low, min(low + 1u, extent - 1u), clamped - f32(low));
}
