// The windows of a convolution without columns, which read packed images where they are.
//
// packed  as im2col reads it: shared/columns/columns.wgsl. Pixels are numbered over all images; those from band_first on are packed, in one band.

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var packed: texture_storage_2d<rgba32float, read>;

// Where the window of an output pixel starts, and where pixel 0 of its image would lie, counted from the band; wraps.
struct Start {
    y: i32,
    x: i32,
    image: u32,
}

// The window of an output pixel of an image, (row, column).
fn window(image: u32, out: vec2<u32>) -> Start {
    return Start(
        i32(out.x * params.window.stride_y) - i32(params.window.padding_top),
        i32(out.y * params.window.stride_x) - i32(params.window.padding_left),
        image * params.window.height * params.window.width - params.window.band_first,
    );
}

// What a window has at a distance from its start.
struct Loaded {
    value: vec4<f32>,
    // Where it does not, the value is 0.
    inside: bool,
}

fn load(start: Start, dy: i32, dx: i32, quad: u32) -> Loaded {
    let y = start.y + dy;
    let x = start.x + dx;
    let inside = 0 <= y && y < i32(params.window.height) && 0 <= x && x < i32(params.window.width);
    let pixel = select(0u, start.image + u32(y) * params.window.width + u32(x), inside);
    let value = textureLoad(packed, texel(quad_address(0u, pixel, quad, 0u, params.window.quads)));
    return Loaded(select(vec4<f32>(0.0), value, inside), inside);
}
