// Attention by subgroups of 8, for adapters that run on the CPU. An invocation does four queries; of each key and value it loads some quads,
// and has the others' by broadcasts, which cost next to nothing there. The length of vectors is the variant's, too (matmul/attention/vector_32.wgsl,
// matmul/attention/vector_64.wgsl).

const INVOCATIONS = 8u;

// The queries of an invocation.
const ROWS = 4u;

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
fn with_query(rows: Rows, start: u32, lane: u32) -> Rows {
    var moved = rows;
    moved.query_0 = rows.query_1;
    moved.query_1 = rows.query_2;
    moved.query_2 = rows.query_3;
    moved.query_3 = query_vector(start);
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

fn store_sum(rows: Rows, start: u32, factor: f32, lane: u32) {
    store_vector(start, rows.sum_0, factor);
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

fn key_eight(place: Place, key: u32, eight: u32) -> Eight {
    return spread(key_quad(place, key, 8u * eight + place.lane));
}

fn value_eight(place: Place, key: u32, eight: u32) -> Eight {
    return spread(value_quad(place, key, 8u * eight + place.lane));
}

fn keys_at_once() -> u32 {
    return 4u;
}

// A number of each query for each of four keys.
struct Four {
    k0: Each,
    k1: Each,
    k2: Each,
    k3: Each,
}

// Attends to four keys. Products are done in loops, whose bodies fit the caches in which a CPU keeps its instructions.
fn attend(rows: Rows, place: Place, at: u32) -> Rows {
    var scores: Four;
    for (var i = 0u; i < 4u; i++) {
        scores = Four(scores.k1, scores.k2, scores.k3, with_addends(products(rows, key_vector(place, at + i)), place, at + i));
    }
    let exist = vec4<u32>(at) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.keys);
    let spoils_0 = spoils_each(scores.k0);
    let spoils_1 = spoils_each(scores.k1);
    let spoils_2 = spoils_each(scores.k2);
    let spoils_3 = spoils_each(scores.k3);
    // Those that spoil a row count no more than any does.
    let counted_0 = select(scores.k0, Each(LEAST), spoils_0 | EachFlag(!exist.x));
    let counted_1 = select(scores.k1, Each(LEAST), spoils_1 | EachFlag(!exist.y));
    let counted_2 = select(scores.k2, Each(LEAST), spoils_2 | EachFlag(!exist.z));
    let counted_3 = select(scores.k3, Each(LEAST), spoils_3 | EachFlag(!exist.w));

    let largest = max(max(max(counted_0, counted_1), max(counted_2, counted_3)), rows.state.largest);
    let scale = decay_each(rows.state.largest - largest);
    var weights = Four(
        select(Each(0.0), decay_each(counted_0 - largest), exist.x),
        select(Each(0.0), decay_each(counted_1 - largest), exist.y),
        select(Each(0.0), decay_each(counted_2 - largest), exist.z),
        select(Each(0.0), decay_each(counted_3 - largest), exist.w),
    );
    let total = rows.state.total * scale + weights.k0 + weights.k1 + weights.k2 + weights.k3;
    // What is beyond the last key is the last once more.
    let spoilt = rows.state.spoilt | spoils_0 | spoils_1 | spoils_2 | spoils_3;

    var more = with_scaled_sums(rows, scale);
    for (var i = 0u; i < 4u; i++) {
        more = with_value(more, weights.k0, value_vector(place, at + i));
        weights = Four(weights.k1, weights.k2, weights.k3, weights.k3);
    }
    more.state = State(largest, total, spoilt);
    return more;
}
