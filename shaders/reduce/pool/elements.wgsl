// Windows of any kind, whose elements are loaded one by one: reduce/pool.wgsl, shared/planes.

// Where the row starts.
alias Run = u32;

fn run_from(of_row: u32, row_inside: bool, x: u32) -> Run {
    return of_row;
}

// The elements at x, or what is neutral outside.
fn four_of(run: Run, x: vec4<u32>, inside: vec4<bool>) -> vec4<f32> {
    let source = select(vec4<u32>(0u), run + x, inside);
    return select(neutral(), vec4<f32>(load_input(source.x), load_input(source.y), load_input(source.z), load_input(source.w)), inside);
}

fn next_of(run: Run) -> Run {
    return run;
}
