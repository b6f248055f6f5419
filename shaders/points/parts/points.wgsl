// Sampling points of queries and heads, each at a position in an image, and the four pixels around them.
//
// Kernels that use it bind `positions`, for each (image, query, head, point) of a piece of the work bits of x, then of y. A file behind this one says
// where a point lies, by place_of: place_attention.wgsl, place_discrete.wgsl, place_window.wgsl, place_grid.wgsl.

struct Points {
    images: u32,
    queries: u32,
    heads: u32,
    points: u32,
    query_first: u32,
    positions_image: u32,
    positions_query: u32,
    positions_head: u32,
    positions_first: u32,
    weights_image: u32,
    weights_query: u32,
    weights_head: u32,
    weights_first: u32,
    height: u32,
    width: u32,
    out_width: u32,
    stride_y: u32,
    stride_x: u32,
    scale: f32,
    band_first: u32,
    band_pixels: u32,
    padding: u32,
    align_corners: u32,
    round_first: u32,
}

// Where a point lies: the upper left pixel of its cell, (y, x), which may be -1, and how far it lies from there, in 0..1; the derivative of
// its position in pixels by what `positions` holds; the extents of its image, and where the pixels and the cells of that begin; and the bits of
// its weight.
struct Place {
    low: vec2<i32>,
    fraction: vec2<f32>,
    slope: vec2<f32>,
    extent: vec2<i32>,
    pixel_first: u32,
    cell_first: u32,
    inside: bool,
    weight: u32,
}

// The bits of a position, y in front of x.
fn position_bits(image: u32, query: u32, head: u32, point: u32) -> vec2<u32> {
    let at = params.points.positions_first + image * params.points.positions_image
        + query * params.points.positions_query + head * params.points.positions_head + 2u * point;
    return vec2<u32>(positions[at + 1u], positions[at]);
}

// A weight of 0, decided on its bits: then the sample does not count.
fn is_zero_bits(bits: u32) -> bool {
    return (bits << 1u) == 0u;
}

// The four pixels of a cell, those of its upper row first: which of them exist, within the image and within the band of pixels that are bound,
// counted from band_first on; and the weight of each, along y and along x.
struct Corners {
    pixel: vec4<u32>,
    exists: vec4<bool>,
    weight_y: vec4<f32>,
    weight_x: vec4<f32>,
}

fn corners_of(place: Place) -> Corners {
    let row = vec2<i32>(place.low.x, place.low.x + 1);
    let column = vec2<i32>(place.low.y, place.low.y + 1);
    let row_exists = (row >= vec2<i32>(0)) & (row < vec2<i32>(place.extent.x)) & vec2<bool>(place.inside);
    let column_exists = (column >= vec2<i32>(0)) & (column < vec2<i32>(place.extent.y));
    let in_image = bitcast<vec4<u32>>(row.xxyy * place.extent.y + column.xyxy);
    let pixel = in_image + place.pixel_first - params.points.band_first;
    let exists = row_exists.xxyy & column_exists.xyxy & (pixel < vec4<u32>(params.points.band_pixels));
    return Corners(
        select(vec4<u32>(0u), pixel, exists),
        exists,
        vec2<f32>(1.0 - place.fraction.x, place.fraction.x).xxyy,
        vec2<f32>(1.0 - place.fraction.y, place.fraction.y).xyxy,
    );
}
