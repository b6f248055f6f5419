// Three output channels of each invocation: conv/conv2d_planes.wgsl.

// Output channels of a set: Form::outs.
const OUTS = 3u;

// The sums of a set.
struct Set {
    o0: Sums,
    o1: Sums,
    o2: Sums,
}

// Where the weights of each output channel lie. What is beyond the last does as the last.
alias SetRows = vec3<u32>;

fn set_rows(group: u32, row: u32) -> SetRows {
    let last = params.group_rows - 1u;
    let quads = 9u * params.window.quads_per_group;
    return vec3<u32>(
        quad_address(group, row, 0u, params.group_rows, quads),
        quad_address(group, min(row + 1u, last), 0u, params.group_rows, quads),
        quad_address(group, min(row + 2u, last), 0u, params.group_rows, quads),
    );
}

struct SetWeights {
    o0: Weights,
    o1: Weights,
    o2: Weights,
}

fn set_weights(rows: SetRows, quad: u32, lane: u32) -> SetWeights {
    return SetWeights(weights_at(rows.x, quad, lane), weights_at(rows.y, quad, lane), weights_at(rows.z, quad, lane));
}

fn with_block(sums: Set, weights: SetWeights, within: u32, block: Block) -> Set {
    return Set(
        with_plane(sums.o0, weights.o0, within, block),
        with_plane(sums.o1, weights.o1, within, block),
        with_plane(sums.o2, weights.o2, within, block),
    );
}

// Stores a set of a group, which begins with a row of it.
fn store_set(sums: Set, of_all: u32, group: u32, row: u32, out_row: u32, x: u32) {
    let channel = of_all * params.group_rows + row;
    let bias_at = group * params.group_rows + row;
    store_sums(sums.o0, channel, bias_at, out_row, x);
    if row + 1u < params.group_rows {
        store_sums(sums.o1, channel + 1u, bias_at + 1u, out_row, x);
    }
    if row + 2u < params.group_rows {
        store_sums(sums.o2, channel + 2u, bias_at + 2u, out_row, x);
    }
}
