// The windows of a convolution without columns, which read packed images where they are.
//
// packed  as im2col reads it: shared/columns/columns.wgsl. Pixels are numbered over all images; those from band_first on are packed, in one band.

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var packed: texture_storage_2d<rgba32float, read>;

// Where the window of an output pixel starts, and where pixel 0 of its image would lie, counted from the band; wraps.
struct Window {
    y: i32,
    x: i32,
    image: u32,
}

// The window of an output pixel of an image, (row, column).
fn window(image: u32, out: vec2<u32>) -> Window {
    return Window(
        i32(out.x * params.stride_y) - i32(params.padding_top),
        i32(out.y * params.stride_x) - i32(params.padding_left),
        image * params.height * params.width - params.band_first,
    );
}

// What a window has at a distance from its start.
struct Loaded {
    value: vec4<f32>,
    // Where it does not, the value is 0.
    inside: bool,
}

fn load(start: Window, dy: i32, dx: i32, quad: u32) -> Loaded {
    let y = start.y + dy;
    let x = start.x + dx;
    let inside = 0 <= y && y < i32(params.height) && 0 <= x && x < i32(params.width);
    let pixel = select(0u, start.image + u32(y) * params.width + u32(x), inside);
    let value = textureLoad(packed, texel(quad_place(0u, pixel, quad, 0u, params.quads)));
    return Loaded(select(vec4<f32>(0.0), value, inside), inside);
}
