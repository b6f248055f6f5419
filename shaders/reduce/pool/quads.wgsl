// Windows one element apart or two, without dilation, whose rows are whole quads in the input and in the output: reduce/pool.wgsl. What four of them
// side by side take of a row lies in three quads, each of which is loaded once.
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;

// Elements of the row from the first one's tap on.
struct Run {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
}

// A quad, or what is neutral where it lies outside. One that no window takes may lie behind what is bound.
fn quad(of_row: u32, row_inside: bool, x: u32) -> vec4<f32> {
    let inside = row_inside && x < params.x.extent;
    let values = input[select(0u, of_row + x, inside) / 4u];
    return select(neutral(), values, inside);
}

fn next_of(run: Run) -> Run {
    return Run(vec4<f32>(run.a.yzw, run.b.x), vec4<f32>(run.b.yzw, run.c.x), run.c.yzww);
}

fn run_from(of_row: u32, row_inside: bool, x: u32) -> Run {
    let within = x % 4u;
    let first = x - within;
    let a = quad(of_row, row_inside, first);
    let b = quad(of_row, row_inside, first + 4u);
    let c = quad(of_row, row_inside, first + 8u);
    return Run(four_from(within, a, b), four_from(within, b, c), four_from(within, c, c));
}

// The elements at x, or what is neutral outside.
fn four_of(run: Run, x: vec4<u32>, inside: vec4<bool>) -> vec4<f32> {
    return select(run.a, vec4<f32>(run.a.xz, run.b.xz), params.x.stride == 2u);
}
