// Four queries an invocation: see matmul/attention/subgroup.wgsl.

const ROWS = 4u;

struct Rows {
    block: Block,
}

fn begun(rows: Rows, at: Queries, lane: u32) -> Rows {
    return Rows(begun_block(rows.block, at, lane, 0u));
}

fn with_query(rows: Rows, start: u32, lane: u32) -> Rows {
    return Rows(block_with_query(rows.block, query_vector(start)));
}

fn next_sum(rows: Rows) -> Rows {
    return Rows(block_with_sum(rows.block, rows.block.sum_3, 0.0, false));
}

fn store_sum(rows: Rows, start: u32, factor: f32, lane: u32) {
    store_vector(start, rows.block.sum_0, factor);
}

fn first_spoilt(rows: Rows) -> bool {
    return rows.block.state.spoilt.x;
}

fn first_total(rows: Rows) -> f32 {
    return rows.block.state.total.x;
}

// Attends to four keys. Their scores are found in a loop, whose body fits the caches in which a CPU keeps its instructions.
fn attend(rows: Rows, place: Place, at: u32) -> Rows {
    var scores: Four;
    var i = 0u;
    loop {
        scores = four_with(scores, scores_of(rows.block, key_vector(place, at + i), at + i));
        i++;
        if i >= 4u {
            break;
        }
    }
    return Rows(block_attends(rows.block, scores, four_exist(at), values_from(place, at)));
}
