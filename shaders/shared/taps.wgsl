// Where the taps of a window lie.

// The row and column, in the unpadded image, of a tap of an output pixel, before any offset.
fn tap_position(out_pixel: u32, tap: u32) -> vec2<i32> {
    let out = divide(out_pixel, params.window.out_width);
    let stride = vec2<u32>(params.window.stride_y, params.window.stride_x);
    let padding = vec2<u32>(params.window.padding_top, params.window.padding_left);
    let dilation = vec2<u32>(params.window.dilation_y, params.window.dilation_x);
    return vec2<i32>(out * stride + divide(tap, params.window.kernel_width) * dilation) - vec2<i32>(padding);
}
