// Attention by workgroups of 64. An invocation does one query; keys and values are made ready in workgroup memory for all.

const INVOCATIONS = 64u;

// The queries of an invocation.
const ROWS = 1u;

// The keys that are made ready at once.
const READY = 16u;

// The quads of a key, or of a value.
const QUADS = 8u * EIGHTS;

var<workgroup> ready_keys: array<vec4<f32>, READY * QUADS>;
var<workgroup> ready_values: array<vec4<f32>, READY * QUADS>;

// A number for each query of an invocation.
alias Each = f32;
alias EachAddress = u32;
alias EachFlag = bool;

struct Rows {
    query: Vector,
    sum: Vector,
    state: State,
}

fn query_of(first: u32, lane: u32, row: u32) -> u32 {
    return first + lane;
}

fn queries_of(first: u32, lane: u32) -> EachAddress {
    return first + lane;
}

fn with_query(rows: Rows, query: Vector) -> Rows {
    return Rows(query, rows.sum, rows.state);
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

fn first_sum(rows: Rows) -> Vector {
    return rows.sum;
}

fn products(rows: Rows, key: Vector) -> Each {
    return product(rows.query, key);
}

fn with_scaled_sums(rows: Rows, factors: Each) -> Rows {
    return Rows(rows.query, scaled(rows.sum, factors), rows.state);
}

fn with_value(rows: Rows, weights: Each, value: Vector) -> Rows {
    return Rows(rows.query, with_weighted(rows.sum, weights, value), rows.state);
}

fn decay_each(x: Each) -> Each {
    return decay(x);
}

fn spoils_each(scores: Each) -> EachFlag {
    return spoils(scores);
}

fn bias_each(at: EachAddress) -> Each {
    return bias[at];
}

fn mask_each(at: EachAddress) -> Each {
    return mask[at];
}

fn no_uniform(value: u32) -> u32 {
    return value;
}

fn make_ready(place: Place, key: u32) {
    // What was ready before is not needed any more.
    workgroupBarrier();
    for (var at = place.lane; at < READY * QUADS; at += INVOCATIONS) {
        ready_keys[at] = key_quad(place, key + at / QUADS, at % QUADS);
        ready_values[at] = value_quad(place, key + at / QUADS, at % QUADS);
    }
    workgroupBarrier();
}

fn key_eight(place: Place, key: u32, eight: u32) -> Eight {
    let at = key % READY * QUADS + 8u * eight;
    return Eight(
        mat4x4<f32>(ready_keys[at], ready_keys[at + 1u], ready_keys[at + 2u], ready_keys[at + 3u]),
        mat4x4<f32>(ready_keys[at + 4u], ready_keys[at + 5u], ready_keys[at + 6u], ready_keys[at + 7u]),
    );
}

fn value_eight(place: Place, key: u32, eight: u32) -> Eight {
    let at = key % READY * QUADS + 8u * eight;
    return Eight(
        mat4x4<f32>(ready_values[at], ready_values[at + 1u], ready_values[at + 2u], ready_values[at + 3u]),
        mat4x4<f32>(ready_values[at + 4u], ready_values[at + 5u], ready_values[at + 6u], ready_values[at + 7u]),
    );
}
