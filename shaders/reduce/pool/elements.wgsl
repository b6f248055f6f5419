// Windows of any kind, whose elements are loaded and stored one by one: reduce/pool.wgsl.
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

// Where the row starts.
alias Run = u32;

fn run_from(of_row: u32, row_inside: bool, x: u32) -> Run {
    return of_row;
}

// The elements at x, or what is neutral outside.
fn four_of(run: Run, x: vec4<u32>, inside: vec4<bool>) -> vec4<f32> {
    let source = select(vec4<u32>(0u), run + x, inside);
    return select(neutral(), vec4<f32>(input[source.x], input[source.y], input[source.z], input[source.w]), inside);
}

fn next_of(run: Run) -> Run {
    return run;
}

// Stores the first `count` of four elements side by side, one at least.
fn store_four(at: u32, count: u32, values: vec4<f32>) {
    output[at] = values.x;
    if count > 1u {
        output[at + 1u] = values.y;
    }
    if count > 2u {
        output[at + 2u] = values.z;
    }
    if count > 3u {
        output[at + 3u] = values.w;
    }
}
