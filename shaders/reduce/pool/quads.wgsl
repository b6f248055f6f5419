// Windows one element apart or two, without dilation, whose rows are whole quads in the input and in the output: reduce/pool.wgsl. What four of them
// side by side take of a row lies in three quads, each of which is loaded once.
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;

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

fn next_if(run: Run, is_next: bool) -> Run {
    let next = next_of(run);
    return Run(select(run.a, next.a, is_next), select(run.b, next.b, is_next), select(run.c, next.c, is_next));
}

fn run_from(of_row: u32, row_inside: bool, x: u32) -> Run {
    let within = x % 4u;
    let first = x - within;
    var run = Run(quad(of_row, row_inside, first), quad(of_row, row_inside, first + 4u), quad(of_row, row_inside, first + 8u));
    run = next_if(run, within > 0u);
    run = next_if(run, within > 1u);
    return next_if(run, within > 2u);
}

// The elements at x, or what is neutral outside.
fn four_of(run: Run, x: vec4<u32>, inside: vec4<bool>) -> vec4<f32> {
    return select(run.a, vec4<f32>(run.a.xz, run.b.xz), params.x.stride == 2u);
}

// Stores four elements side by side, all of which exist.
fn store_four(at: u32, count: u32, values: vec4<f32>) {
    output[at / 4u] = values;
}
