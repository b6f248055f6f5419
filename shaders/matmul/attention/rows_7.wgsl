// Seven queries an invocation, as windows of 49 take: see matmul/attention/two_blocks.wgsl. The last of the second block is the one before it once more,
// which compilers see, and compute once.

const ROWS = 7u;

fn last_block(block: Block) -> Block {
    var last = block;
    last.query_3 = block.query_2;
    last.sum_3 = block.sum_2;
    last.state.largest = block.state.largest.xyzz;
    last.state.total = block.state.total.xyzz;
    last.state.spoilt = block.state.spoilt.xyzz;
    last.biases = block.biases.xyzz;
    last.masks = block.masks.xyzz;
    return last;
}

fn with_query(rows: Rows, start: u32, lane: u32) -> Rows {
    let query = query_vector(start);
    var second = rows.second;
    second.query_3 = query;
    return Rows(block_with_query(rows.first, second.query_0), block_with_query(second, query));
}
