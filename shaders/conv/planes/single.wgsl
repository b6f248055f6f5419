// Sets of one output channel: conv/conv2d_planes.wgsl.

// Output channels of a set: Form::outs.
const OUTS = 1u;

// The sums of a set.
alias Set = Sums;

// Stores a set of a group, which begins with a row of it.
fn store_set(sums: Set, of_all: u32, group: u32, row: u32, out_row: u32, x: u32) {
    store_sums(sums, of_all * params.group_rows + row, group * params.group_rows + row, out_row, x);
}
