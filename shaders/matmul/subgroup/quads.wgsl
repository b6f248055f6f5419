// Stores of products by subgroups into quads, one of which an invocation's four columns of a half are: matmul/subgroup/b_across.wgsl. There is
// no bias.
//
// output  element (batch, row, column) is output_first + batch * output_batch + row * output_row + column; all are multiples of 4
@group(0) @binding(3) var<storage, read_write> output: array<Stored>;

alias Stored = vec4<f32>;

// Stores a row's columns of this invocation in one half, those that exist.
fn store_half(batch: u32, row: u32, at: Half, values: Stored) {
    if at < params.columns {
        let quad = (params.end.output_first + batch * params.end.output_batch + row * params.end.output_row + at) / 4u;
        output[quad] = updated(quad, values);
    }
}
