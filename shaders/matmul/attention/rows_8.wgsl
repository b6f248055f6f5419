// Eight queries an invocation: see matmul/attention/two_blocks.wgsl.

const ROWS = 8u;

fn last_block(block: Block) -> Block {
    return block;
}

fn with_query(rows: Rows, start: u32, lane: u32) -> Rows {
    return Rows(block_with_query(rows.first, rows.second.query_0), block_with_query(rows.second, query_vector(start)));
}
