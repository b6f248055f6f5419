// Windows of any kind, whose elements are loaded one by one: reduce/pool.wgsl.
@group(0) @binding(1) var<storage, read> input: array<f32>;

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
