// Axes of which some leave the source, `outside` says how: movement/strided_copy.wgsl.

const INSIDE = 0u;
const CONSTANT = 1u;
const EDGE = 2u;
const REFLECT = 3u;
const WRAP = 4u;

fn place(axis: CopyAxis, outside: u32, index: u32) -> vec2<u32> {
    if outside == INSIDE {
        return vec2<u32>(index * axis.stride, 0u);
    }
    let position = axis.first + index;
    let last = max(axis.source_extent, 1u) - 1u;
    let beyond = position >= axis.source_extent;
    if outside == CONSTANT {
        return vec2<u32>(select(position, 0u, beyond) * axis.stride, u32(beyond));
    }
    if outside == EDGE {
        return vec2<u32>(u32(clamp(bitcast<i32>(position), 0, i32(last))) * axis.stride, 0u);
    }
    // `first` is not negative where positions repeat.
    let period = select(axis.source_extent, max(2u * last, 1u), outside == REFLECT);
    let along = divide(position, period).y;
    return vec2<u32>(min(along, select(along, period - along, outside == REFLECT)) * axis.stride, 0u);
}
