// Points of levels: at (x * width - 0.5, y * height - 0.5) of the level of the point.
//
// table  height, width, first pixel and first cell of the level of each point

fn place_of(bits: vec2<u32>, query: u32, point: u32) -> Place {
    let level = table[point];
    let extent = bitcast<vec2<i32>>(level.xy);
    let scale = vec2<f32>(level.xy);
    let delta = finite_or_nan(bitcast<vec2<f32>>(bits) * scale - 0.5, bits);
    var place = bilinear_place(position(vec2<i32>(0), delta, extent, ZEROS), extent, scale);
    place.pixel_first = level.z;
    place.cell_first = level.w;
    return place;
}
