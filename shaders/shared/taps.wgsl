// Where the taps of a window lie.

// The row and column, in the unpadded image, of a tap of an output pixel, before any offset.
fn tap_position(out_pixel: u32, tap: u32) -> vec2<i32> {
    let out = divide(out_pixel, params.out_width);
    let stride = vec2<u32>(params.stride_y, params.stride_x);
    let padding = vec2<u32>(params.padding_top, params.padding_left);
    let dilation = vec2<u32>(params.dilation_y, params.dilation_x);
    return vec2<i32>(out * stride + divide(tap, params.kernel_width) * dilation) - vec2<i32>(padding);
}
