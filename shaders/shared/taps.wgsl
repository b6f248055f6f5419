// Where the taps of a window lie.

// The row and column, in the unpadded image, of the first tap of an output pixel, before any offset.
fn window_start(out_pixel: u32) -> vec2<i32> {
    let out = divide(out_pixel, params.window.out_width);
    let stride = vec2<u32>(params.window.stride_y, params.window.stride_x);
    let padding = vec2<u32>(params.window.padding_top, params.window.padding_left);
    return vec2<i32>(out * stride) - vec2<i32>(padding);
}

// The row and column of a tap in its window.
fn tap_in_window(tap: u32) -> vec2<u32> {
    return divide(tap, params.window.kernel_width);
}

// Those of the tap behind it.
fn next_tap(at: vec2<u32>) -> vec2<u32> {
    let beside = vec2<u32>(at.x, at.y + 1u);
    return select(beside, vec2<u32>(at.x + 1u, 0u), beside.y == params.window.kernel_width);
}

// The row and column, in the unpadded image, of a tap of a window, before any offset.
fn tap_position(start: vec2<i32>, tap: vec2<u32>) -> vec2<i32> {
    return start + vec2<i32>(tap * vec2<u32>(params.window.dilation_y, params.window.dilation_x));
}
