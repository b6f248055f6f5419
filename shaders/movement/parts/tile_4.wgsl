// An invocation's part of a tile, loaded and stored by four words. Both axes are multiples of four, and so are all strides but the two of 1; strides
// and first elements are counted in fours.

// The part of a lane of a tile, both along and across.
fn copy_part(first: vec2<u32>, tile: vec2<u32>, lane: vec2<u32>) {
    let start = 32u * tile + 4u * lane;
    if start.x >= params.along.extent || start.y >= params.across.extent {
        return;
    }
    let begin = first.x + start.x / 4u + start.y * params.across.source_stride;
    let a = source[begin];
    let b = source[begin + params.across.source_stride];
    let c = source[begin + 2u * params.across.source_stride];
    let d = source[begin + 3u * params.across.source_stride];
    let to = first.y + start.y / 4u + start.x * params.along.output_stride;
    output[to] = vec4<u32>(a.x, b.x, c.x, d.x);
    output[to + params.along.output_stride] = vec4<u32>(a.y, b.y, c.y, d.y);
    output[to + 2u * params.along.output_stride] = vec4<u32>(a.z, b.z, c.z, d.z);
    output[to + 3u * params.along.output_stride] = vec4<u32>(a.w, b.w, c.w, d.w);
}
