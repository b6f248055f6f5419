// Weights of sets of one output channel, of 3 x 3 taps: conv/conv2d_planes.wgsl.

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
    return with_plane(sums, weights, within, block);
}
