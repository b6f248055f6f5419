// One output channel of each invocation: conv/conv2d_planes.wgsl.

// Output channels of a set: Form::outs.
const OUTS = 1u;

// The sums of a set.
struct Set {
    o0: Sums,
}

// Where the weights of each output channel lie.
alias SetRows = u32;

fn set_rows(group: u32, row: u32) -> SetRows {
    return quad_address(group, row, 0u, params.group_rows, 9u * params.window.quads_per_group);
}

alias SetWeights = Weights;

fn set_weights(rows: SetRows, quad: u32, lane: u32) -> SetWeights {
    return weights_at(rows, quad, lane);
}

fn with_block(sums: Set, weights: SetWeights, within: u32, block: Block) -> Set {
    return Set(with_plane(sums.o0, weights, within, block));
}

// Stores a set of a group, which begins with a row of it.
fn store_set(sums: Set, of_all: u32, group: u32, row: u32, out_row: u32, x: u32) {
    store_sums(sums.o0, of_all * params.group_rows + row, group * params.group_rows + row, out_row, x);
}
