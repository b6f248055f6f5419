// Planes resampled along rows and columns: output[n, y, x, i] = sum over the taps of x and of y of their weights * input[n, row, column, i]
//
// input    (outer, rows, columns, inner), bound from the first row and column on that the dispatch reads: shared/planes
// row_taps, column_taps
//          for each row and column of the output an entry: the first row or column of the input, and the bits of the weights of it and of those
//          that follow, row_count and column_count in all, and a zero behind two of them. All ones instead of the first: it lies outside, and is
//          `outside`. The variant binds them, as words, pairs or quads
// output   (outer, rows, columns, inner): all that the dispatch does, one behind another
//
// What has weight 0 does not count. What an invocation does is the variant's: sample/parts/resample_any.wgsl, resample_one.wgsl, resample_two.wgsl. How
// it stores four elements: shared/quads.

struct Params {
    outer: u32,
    rows: u32,
    columns: u32,
    inner: u32,
    in_outer: u32,
    in_row: u32,
    in_column: u32,
    row_count: u32,
    column_count: u32,
    outside: f32,
    input_first: u32,
    row_taps_first: u32,
    column_taps_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read_write> output: array<Stored>;

fn four_inputs(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(load_input(at.x), load_input(at.y), load_input(at.z), load_input(at.w));
}

@compute @workgroup_size(64)
fn resample(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    resample_run(linear_workgroup(workgroup, grid) * 64u + lane);
}
