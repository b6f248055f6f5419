// Two blocks of queries an invocation, for which each key and each value is loaded once: see matmul/attention/subgroup.wgsl. How many queries they have is the
// variant's: matmul/attention/rows_7.wgsl, matmul/attention/rows_8.wgsl.

struct Rows {
    first: Block,
    second: Block,
}

fn begun(rows: Rows, at: Queries, lane: u32) -> Rows {
    return Rows(begun_block(rows.first, at, lane, 0u), begun_block(rows.second, at, lane, 4u));
}

fn next_sum(rows: Rows) -> Rows {
    let next = rows.second;
    return Rows(
        block_with_sum(rows.first, next.sum_0, next.state.total.x, next.state.spoilt.x),
        block_with_sum(next, next.sum_3, 0.0, false),
    );
}

fn store_sum(rows: Rows, start: u32, factor: f32, lane: u32) {
    store_vector(start, rows.first.sum_0, factor);
}

fn first_spoilt(rows: Rows) -> bool {
    return rows.first.state.spoilt.x;
}

fn first_total(rows: Rows) -> f32 {
    return rows.first.state.total.x;
}

// Attends to four keys: see matmul/attention/rows_4.wgsl.
fn attend(rows: Rows, place: Place, at: u32) -> Rows {
    let last = last_block(rows.second);
    var first: Four;
    var second: Four;
    var i = 0u;
    loop {
        let key = key_vector(place, at + i);
        first = four_with(first, scores_of(rows.first, key, at + i));
        second = four_with(second, scores_of(last, key, at + i));
        i++;
        if i >= 4u {
            break;
        }
    }
    let values = values_from(place, at);
    let exist = four_exist(at);
    return Rows(block_attends(rows.first, first, exist, values), block_attends(last, second, exist, values));
}
