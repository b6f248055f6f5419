// Taps of windows without stride and dilation, of rows of whole quads: conv/conv2d_depthwise.wgsl. What eight pixels take of a row lies in four quads,
// each of which is loaded once. What lies outside the image counts.
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;

// Sixteen elements of a row, 0 outside, of which the first eight are the tap's. All count: counts_left and counts_right are 1.
struct Run {
    left: vec4<f32>,
    right: vec4<f32>,
    after: vec4<f32>,
    last: vec4<f32>,
    counts_left: vec4<f32>,
    counts_right: vec4<f32>,
}

fn quad(row: Row, x: i32) -> vec4<f32> {
    let inside = row.exists && 0 <= x && x < i32(params.window.width);
    let values = input[select(0u, row.first + u32(x), inside) / 4u];
    return select(vec4<f32>(0.0), values, inside);
}

fn next_of(run: Run) -> Run {
    return Run(
        vec4<f32>(run.left.yzw, run.right.x),
        vec4<f32>(run.right.yzw, run.after.x),
        vec4<f32>(run.after.yzw, run.last.x),
        run.last.yzww,
        run.counts_left,
        run.counts_right,
    );
}

// What a row begins with, before the tap at x.
fn run_before(row: Row, x: i32) -> Run {
    let within = (x - 1) & 3;
    let first = x - 1 - within;
    let a = quad(row, first);
    let b = quad(row, first + 4);
    let c = quad(row, first + 8);
    let d = quad(row, first + 12);
    let behind = u32(within);
    return Run(
        four_from(behind, a, b),
        four_from(behind, b, c),
        four_from(behind, c, d),
        four_from(behind, d, d),
        vec4<f32>(1.0),
        vec4<f32>(1.0),
    );
}

// The tap at x, behind another.
fn run_at(run: Run, row: Row, x: i32) -> Run {
    return next_of(run);
}
