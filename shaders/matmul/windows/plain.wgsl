// Columns of a plain window: matmul/matmul_windows.wgsl.

// The addresses of the pixels under a tap of four windows, and all bits where these have a next quad. A tap outside the image has zeros, so that the terms,
// and their order, are those of a product with columns.
struct Sources {
    at: vec4<u32>,
    goes_on: vec4<u32>,
}

fn sources(windows: Starts, tap: vec2<u32>, number: u32, quad: u32) -> Sources {
    let y = windows.y + vec4<i32>(i32(tap.x * params.window.dilation_y));
    let x = windows.x + vec4<i32>(i32(tap.y * params.window.dilation_x));
    let height = vec4<i32>(i32(params.window.height));
    let width = vec4<i32>(i32(params.window.width));
    let inside = (y >= vec4<i32>(0)) & (y < height) & (x >= vec4<i32>(0)) & (x < width);
    let pixel = packed_start(windows.image) + bitcast<vec4<u32>>(y * width + x);
    let at = select(vec4<u32>(params.zero), packed_address(pixel, quad), inside);
    return Sources(at, select(vec4<u32>(0u), vec4<u32>(0xffffffffu), inside));
}

// Four channels of four columns; each channel is a column of the matrix.
fn columns_at(sources: Sources, next: u32) -> mat4x4<f32> {
    let at = sources.at + (sources.goes_on & vec4<u32>(next));
    return transpose(mat4x4<f32>(load_packed(at.x), load_packed(at.y), load_packed(at.z), load_packed(at.w)));
}
