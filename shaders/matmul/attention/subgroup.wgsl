// Attention by subgroups, for adapters that run on the CPU. An invocation does one block of four queries or two; of each key and value it loads
// some quads, and has the others' by broadcasts, which cost next to nothing there. Variants are how many invocations there are (matmul/attention/of_4.wgsl,
// matmul/attention/of_8.wgsl), the length of vectors (matmul/attention/vector_32.wgsl, matmul/attention/vector_64.wgsl) and how many queries an invocation
// does (matmul/attention/rows_4.wgsl, matmul/attention/two_blocks.wgsl).

// A number for each query of a block.
alias Each = vec4<f32>;
alias EachAddress = vec4<u32>;
alias EachFlag = vec4<bool>;

// Four queries of an invocation, what their values have been summed to, and where their addends begin.
struct Block {
    query_0: Vector,
    query_1: Vector,
    query_2: Vector,
    query_3: Vector,
    sum_0: Vector,
    sum_1: Vector,
    sum_2: Vector,
    sum_3: Vector,
    state: State,
    biases: EachAddress,
    masks: EachAddress,
}

// The queries that lie side by side are those of different invocations.
fn query_of(first: u32, lane: u32, row: u32) -> u32 {
    return first + row * INVOCATIONS + lane;
}

// The block with a query behind its own, without the first.
fn block_with_query(block: Block, query: Vector) -> Block {
    var moved = block;
    moved.query_0 = block.query_1;
    moved.query_1 = block.query_2;
    moved.query_2 = block.query_3;
    moved.query_3 = query;
    return moved;
}

// A block, of which `row` is the first, that has not attended to anything.
fn begun_block(block: Block, at: Queries, lane: u32, row: u32) -> Block {
    let queries = vec4<u32>(query_of(at.first, lane, row)) + INVOCATIONS * vec4<u32>(0u, 1u, 2u, 3u);
    let some = min(queries, EachAddress(params.queries - 1u));
    var begun = block;
    begun.biases = at.biases + some * params.bias.row;
    begun.masks = at.masks + some * params.mask.row;
    begun.state = State(Each(LEAST), Each(0.0), EachFlag(false));
    return begun;
}

// The block with the next sum first, and another behind its own.
fn block_with_sum(block: Block, sum: Vector, total: f32, spoilt: bool) -> Block {
    var moved = block;
    moved.sum_0 = block.sum_1;
    moved.sum_1 = block.sum_2;
    moved.sum_2 = block.sum_3;
    moved.sum_3 = sum;
    moved.state.total = vec4<f32>(block.state.total.yzw, total);
    moved.state.spoilt = vec4<bool>(block.state.spoilt.yzw, spoilt);
    return moved;
}

// The scores of a block's queries with a key.
fn scores_of(block: Block, key: Vector, at: u32) -> Each {
    let products = vec4<f32>(
        product(block.query_0, key), product(block.query_1, key), product(block.query_2, key), product(block.query_3, key),
    );
    return with_addends(products, block.biases, block.masks, at);
}

// A row's four weights.
fn of_row(weights: Four, row: u32) -> vec4<f32> {
    return vec4<f32>(weights.k0[row], weights.k1[row], weights.k2[row], weights.k3[row]);
}

fn decay_each(x: Each) -> Each {
    return vec4<f32>(decay(x.x), decay(x.y), decay(x.z), decay(x.w));
}

fn spoils_each(scores: Each) -> EachFlag {
    return vec4<bool>(spoils(scores.x), spoils(scores.y), spoils(scores.z), spoils(scores.w));
}

fn bias_each(at: EachAddress) -> Each {
    return vec4<f32>(bias_at(at.x), bias_at(at.y), bias_at(at.z), bias_at(at.w));
}

fn mask_each(at: EachAddress) -> Each {
    return vec4<f32>(mask_at(at.x), mask_at(at.y), mask_at(at.z), mask_at(at.w));
}

// What lavapipe does not know to be uniform: see matmul/subgroup/tile.wgsl.
fn no_uniform(value: u32) -> u32 {
    return subgroupBroadcast(value, 0u);
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

// The values of four keys.
struct Values {
    v0: Vector,
    v1: Vector,
    v2: Vector,
    v3: Vector,
}

// A quad of a sum, scaled, and those of four values, weighted: read once, and written once.
fn with_quads(sum: vec4<f32>, scale: f32, weights: vec4<f32>, v0: vec4<f32>, v1: vec4<f32>, v2: vec4<f32>, v3: vec4<f32>) -> vec4<f32> {
    return sum * scale + v0 * weights.x + v1 * weights.y + v2 * weights.z + v3 * weights.w;
}

fn with_matrices(
    sum: mat4x4<f32>, scale: f32, weights: vec4<f32>, v0: mat4x4<f32>, v1: mat4x4<f32>, v2: mat4x4<f32>, v3: mat4x4<f32>,
) -> mat4x4<f32> {
    return mat4x4<f32>(
        with_quads(sum[0], scale, weights, v0[0], v1[0], v2[0], v3[0]),
        with_quads(sum[1], scale, weights, v0[1], v1[1], v2[1], v3[1]),
        with_quads(sum[2], scale, weights, v0[2], v1[2], v2[2], v3[2]),
        with_quads(sum[3], scale, weights, v0[3], v1[3], v2[3], v3[3]),
    );
}

// Eight quads of each of four values.
struct FourEights {
    v0: Eight,
    v1: Eight,
    v2: Eight,
    v3: Eight,
}

fn with_eights(sum: Eight, scale: f32, weights: vec4<f32>, values: FourEights) -> Eight {
    return Eight(
        with_matrices(sum.low, scale, weights, values.v0.low, values.v1.low, values.v2.low, values.v3.low),
        with_matrices(sum.high, scale, weights, values.v0.high, values.v1.high, values.v2.high, values.v3.high),
    );
}

// Those of three keys and of a further one.
fn four_with(scores: Four, further: Each) -> Four {
    return Four(scores.k1, scores.k2, scores.k3, further);
}

// Attends to four keys, of which those are the scores and the values.
fn block_attends(block: Block, scores: Four, exist: vec4<bool>, values: Values) -> Block {
    let spoils_0 = spoils_each(scores.k0);
    let spoils_1 = spoils_each(scores.k1);
    let spoils_2 = spoils_each(scores.k2);
    let spoils_3 = spoils_each(scores.k3);
    // Those that spoil a row count no more than any does.
    let counted_0 = select(scores.k0, Each(LEAST), spoils_0 | EachFlag(!exist.x));
    let counted_1 = select(scores.k1, Each(LEAST), spoils_1 | EachFlag(!exist.y));
    let counted_2 = select(scores.k2, Each(LEAST), spoils_2 | EachFlag(!exist.z));
    let counted_3 = select(scores.k3, Each(LEAST), spoils_3 | EachFlag(!exist.w));

    let largest = max(max(max(counted_0, counted_1), max(counted_2, counted_3)), block.state.largest);
    let scale = decay_each(block.state.largest - largest);
    let weights = Four(
        select(Each(0.0), decay_each(counted_0 - largest), exist.x),
        select(Each(0.0), decay_each(counted_1 - largest), exist.y),
        select(Each(0.0), decay_each(counted_2 - largest), exist.z),
        select(Each(0.0), decay_each(counted_3 - largest), exist.w),
    );
    let total = block.state.total * scale + weights.k0 + weights.k1 + weights.k2 + weights.k3;
    // What is beyond the last key is the last once more.
    let spoilt = block.state.spoilt | spoils_0 | spoils_1 | spoils_2 | spoils_3;
    var more = block;
    more.sum_0 = with_values(block.sum_0, scale.x, of_row(weights, 0u), values);
    more.sum_1 = with_values(block.sum_1, scale.y, of_row(weights, 1u), values);
    more.sum_2 = with_values(block.sum_2, scale.z, of_row(weights, 2u), values);
    more.sum_3 = with_values(block.sum_3, scale.w, of_row(weights, 3u), values);
    more.state = State(largest, total, spoilt);
    return more;
}

fn values_from(place: Place, at: u32) -> Values {
    return Values(value_vector(place, at), value_vector(place, at + 1u), value_vector(place, at + 2u), value_vector(place, at + 3u));
}

fn four_exist(at: u32) -> vec4<bool> {
    return vec4<u32>(at) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(params.keys);
}
