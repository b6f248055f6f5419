// Attention by workgroups of 64. An invocation does one query, or half of one with more than 32 elements; keys and values are made ready in
// workgroup memory for all, and the halves of scores are added up from there.

const INVOCATIONS = 64u;

// The queries of an invocation.
const ROWS = 1u;

// The quads of a part.
const QUADS = 8u;

// The parts of keys, or of values, that are made ready at once.
const READY = 32u;

var<workgroup> ready_keys: array<vec4<f32>, READY * QUADS>;
var<workgroup> ready_values: array<vec4<f32>, READY * QUADS>;

// Parts of the scores of the keys that are ready, with each invocation's query.
var<workgroup> scores: array<f32, READY * INVOCATIONS>;

// A number for each query of an invocation.
alias Each = f32;
alias EachAddress = u32;
alias EachFlag = bool;

struct Rows {
    query: Eight,
    sum: Eight,
    state: State,
    bias: u32,
    mask: u32,
}

// The invocations of all queries' first parts are the first.
fn part_of(lane: u32) -> u32 {
    return lane / (INVOCATIONS / params.parts);
}

fn query_of(first: u32, lane: u32, row: u32) -> u32 {
    return first + lane % (INVOCATIONS / params.parts);
}

fn with_query(rows: Rows, start: u32, lane: u32) -> Rows {
    var of_query = rows;
    of_query.query = query_eight(start, part_of(lane));
    return of_query;
}

fn begun(rows: Rows, at: Queries, lane: u32) -> Rows {
    let query = min(query_of(at.first, lane, 0u), params.queries - 1u);
    return Rows(
        rows.query, rows.sum, State(LEAST, 0.0, false), at.biases + query * params.bias.row, at.masks + query * params.mask.row,
    );
}

fn next_sum(rows: Rows) -> Rows {
    return rows;
}

fn first_spoilt(rows: Rows) -> bool {
    return rows.state.spoilt;
}

fn first_total(rows: Rows) -> f32 {
    return rows.state.total;
}

fn store_sum(rows: Rows, start: u32, factor: f32, lane: u32) {
    store_eight(start, part_of(lane), rows.sum, factor);
}

fn bias_each(at: EachAddress) -> Each {
    return bias_at(at);
}

fn mask_each(at: EachAddress) -> Each {
    return mask_at(at);
}

fn no_uniform(value: u32) -> u32 {
    return value;
}

fn keys_at_once() -> u32 {
    return READY / params.parts;
}

fn make_ready(place: Place, first: u32) {
    let quads = QUADS * params.parts;
    // What was ready before is not needed any more.
    workgroupBarrier();
    for (var at = place.lane; at < READY * QUADS; at += INVOCATIONS) {
        ready_keys[at] = key_quad(place, first + at / quads, at % quads);
        ready_values[at] = value_quad(place, first + at / quads, at % quads);
    }
    workgroupBarrier();
}

// The score of a key that is ready, and whether it makes NaN of its query.
struct Score {
    score: f32,
    spoilt: bool,
}

fn score_of(place: Place, key: u32) -> Score {
    let queries = INVOCATIONS / params.parts;
    let first = key * INVOCATIONS + place.lane % queries;
    var score = scores[first];
    if params.parts == 2u {
        score += scores[first + queries];
    }
    let spoilt = spoils(score);
    // One that spoils a query counts no more than any does.
    return Score(select(score, LEAST, spoilt), spoilt);
}

fn attend(rows: Rows, place: Place, first: u32) -> Rows {
    make_ready(place, first);
    let many = min(keys_at_once(), params.keys - first);
    let part = part_of(place.lane);
    for (var i = 0u; i < many; i++) {
        let at = QUADS * (i * params.parts + part);
        let key = Eight(
            mat4x4<f32>(ready_keys[at], ready_keys[at + 1u], ready_keys[at + 2u], ready_keys[at + 3u]),
            mat4x4<f32>(ready_keys[at + 4u], ready_keys[at + 5u], ready_keys[at + 6u], ready_keys[at + 7u]),
        );
        var score = product_of_eights(rows.query, key);
        if part == 0u {
            score = with_addends(score, rows.bias, rows.mask, first + i);
        }
        scores[i * INVOCATIONS + place.lane] = score;
    }
    workgroupBarrier();
    var state = rows.state;
    for (var i = 0u; i < many; i++) {
        let score = score_of(place, i);
        state.largest = max(state.largest, score.score);
        state.spoilt |= score.spoilt;
    }
    let scale = decay(rows.state.largest - state.largest);
    state.total *= scale;
    var sum = scaled_eight(rows.sum, scale);
    for (var i = 0u; i < many; i++) {
        let weight = decay(score_of(place, i).score - state.largest);
        state.total += weight;
        let at = QUADS * (i * params.parts + part);
        let value = Eight(
            mat4x4<f32>(ready_values[at], ready_values[at + 1u], ready_values[at + 2u], ready_values[at + 3u]),
            mat4x4<f32>(ready_values[at + 4u], ready_values[at + 5u], ready_values[at + 6u], ready_values[at + 7u]),
        );
        sum = with_weighted_eight(sum, weight, value);
    }
    return Rows(rows.query, sum, state, rows.bias, rows.mask);
}
