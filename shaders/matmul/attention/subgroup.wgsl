// Attention by subgroups of 8, for adapters that run on the CPU. An invocation does four queries; of each key and value it loads some quads,
// and has the others' by broadcasts, which cost next to nothing there.

const INVOCATIONS = 8u;

// The queries of an invocation.
const ROWS = 4u;

// The keys that are made ready at once.
const READY = 4u;

// A number for each query of an invocation.
alias Each = vec4<f32>;
alias EachAddress = vec4<u32>;
alias EachFlag = vec4<bool>;

struct Rows {
    query_0: Vector,
    query_1: Vector,
    query_2: Vector,
    query_3: Vector,
    sum_0: Vector,
    sum_1: Vector,
    sum_2: Vector,
    sum_3: Vector,
    state: State,
}

// The queries that lie side by side are those of different invocations.
fn query_of(first: u32, lane: u32, row: u32) -> u32 {
    return first + row * INVOCATIONS + lane;
}

fn queries_of(first: u32, lane: u32) -> EachAddress {
    return vec4<u32>(first + lane) + INVOCATIONS * vec4<u32>(0u, 1u, 2u, 3u);
}

// The rows with a query behind theirs, without the first.
fn with_query(rows: Rows, query: Vector) -> Rows {
    var moved = rows;
    moved.query_0 = rows.query_1;
    moved.query_1 = rows.query_2;
    moved.query_2 = rows.query_3;
    moved.query_3 = query;
    return moved;
}

// The rows with the next sum first.
fn next_sum(rows: Rows) -> Rows {
    var moved = rows;
    moved.sum_0 = rows.sum_1;
    moved.sum_1 = rows.sum_2;
    moved.sum_2 = rows.sum_3;
    moved.state.total = rows.state.total.yzww;
    moved.state.spoilt = rows.state.spoilt.yzww;
    return moved;
}

fn first_sum(rows: Rows) -> Vector {
    return rows.sum_0;
}

fn first_spoilt(rows: Rows) -> bool {
    return rows.state.spoilt.x;
}

fn first_total(rows: Rows) -> f32 {
    return rows.state.total.x;
}

fn products(rows: Rows, key: Vector) -> Each {
    return vec4<f32>(
        product(rows.query_0, key), product(rows.query_1, key), product(rows.query_2, key), product(rows.query_3, key),
    );
}

fn with_scaled_sums(rows: Rows, factors: Each) -> Rows {
    var more = rows;
    more.sum_0 = scaled(rows.sum_0, factors.x);
    more.sum_1 = scaled(rows.sum_1, factors.y);
    more.sum_2 = scaled(rows.sum_2, factors.z);
    more.sum_3 = scaled(rows.sum_3, factors.w);
    return more;
}

fn with_value(rows: Rows, weights: Each, value: Vector) -> Rows {
    var more = rows;
    more.sum_0 = with_weighted(rows.sum_0, weights.x, value);
    more.sum_1 = with_weighted(rows.sum_1, weights.y, value);
    more.sum_2 = with_weighted(rows.sum_2, weights.z, value);
    more.sum_3 = with_weighted(rows.sum_3, weights.w, value);
    return more;
}

fn decay_each(x: Each) -> Each {
    return vec4<f32>(decay(x.x), decay(x.y), decay(x.z), decay(x.w));
}

fn spoils_each(scores: Each) -> EachFlag {
    return vec4<bool>(spoils(scores.x), spoils(scores.y), spoils(scores.z), spoils(scores.w));
}

fn bias_each(at: EachAddress) -> Each {
    return vec4<f32>(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
}

fn mask_each(at: EachAddress) -> Each {
    return vec4<f32>(mask[at.x], mask[at.y], mask[at.z], mask[at.w]);
}

// What lavapipe does not know to be uniform: see matmul/subgroup/tile.wgsl.
fn no_uniform(value: u32) -> u32 {
    return subgroupBroadcast(value, 0u);
}

fn spread(quad: vec4<f32>) -> Eight {
    return Eight(
        mat4x4<f32>(
            subgroupBroadcast(quad, 0u), subgroupBroadcast(quad, 1u), subgroupBroadcast(quad, 2u), subgroupBroadcast(quad, 3u),
        ),
        mat4x4<f32>(
            subgroupBroadcast(quad, 4u), subgroupBroadcast(quad, 5u), subgroupBroadcast(quad, 6u), subgroupBroadcast(quad, 7u),
        ),
    );
}

// Keys and values are loaded where they are used.
fn make_ready(place: Place, key: u32) {
}

fn key_eight(place: Place, key: u32, eight: u32) -> Eight {
    return spread(key_quad(place, key, 8u * eight + place.lane));
}

fn value_eight(place: Place, key: u32, eight: u32) -> Eight {
    return spread(value_quad(place, key, 8u * eight + place.lane));
}
