// Taps of windows of any kind, loaded element by element: conv/conv2d_depthwise.wgsl. Whether pixels share taps is known to the compiler:
// conv/direct/direct_taps_*.wgsl.
@group(0) @binding(1) var<storage, read> input: array<f32>;

// Values, 0 outside, and 1 for what counts.
struct Run {
    left: vec4<f32>,
    right: vec4<f32>,
    counts_left: vec4<f32>,
    counts_right: vec4<f32>,
}

// A value, and 1 if it counts.
fn load(row: Row, x: i32) -> vec2<f32> {
    let inside = row.exists && 0 <= x && x < i32(params.window.width);
    let value = input[select(0u, row.first + u32(x), inside)];
    return select(vec2<f32>(0.0, f32(params.padded)), vec2<f32>(value, 1.0), inside);
}

fn load_four(row: Row, x: i32) -> mat2x4<f32> {
    let stride = i32(params.window.stride_x);
    return transpose(mat4x2<f32>(load(row, x), load(row, x + stride), load(row, x + 2 * stride), load(row, x + 3 * stride)));
}

fn load_eight(row: Row, x: i32) -> Run {
    let left = load_four(row, x);
    let right = load_four(row, x + 4 * i32(params.window.stride_x));
    return Run(left[0], right[0], left[1], right[1]);
}

// The tap behind, whose last pixel is loaded.
fn next_of(run: Run, next: vec2<f32>) -> Run {
    return Run(
        vec4<f32>(run.left.yzw, run.right.x),
        vec4<f32>(run.right.yzw, next.x),
        vec4<f32>(run.counts_left.yzw, run.counts_right.x),
        vec4<f32>(run.counts_right.yzw, next.y),
    );
}

// What a row begins with, before the tap at x.
fn run_before(row: Row, x: i32) -> Run {
    return load_eight(row, x - select(0, i32(params.window.stride_x), SHARED_TAPS));
}

// The tap at x, behind another.
fn run_at(run: Run, row: Row, x: i32) -> Run {
    if SHARED_TAPS {
        return next_of(run, load(row, x + 7 * i32(params.window.stride_x)));
    }
    return load_eight(row, x);
}
