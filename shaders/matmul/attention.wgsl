// Scaled dot-product attention, without the matrix of scores:
//
// score(query, key) = scale * the product of both + bias + mask
// output of a query = sum over keys of exp(score - largest) * value / sum of exp(score - largest)
//
// A query without any score above minus infinity gives 0, one with a score that is NaN or positive infinity NaN.
//
// query, key, value, output   vectors of `quads` or, of value and output, `value_quads` quads, at first + batch * .batch + head * .head + position
//                             * .row, counted in quads
// parts                       invocations that do a query together: 1 or, in workgroups, 2
// bias, mask                  element at its first + batch * .batch + head * .head + query * .row + key * .column; not used where biased or masked is 0. The
//                             variant binds them: matmul/attention/addends_buffer.wgsl, matmul/attention/addends_texture.wgsl
//
// Keys are attended to in their order, some at once: what is summed is scaled where one of them has a larger score than any before. So the
// result of a query depends on nothing but its own scores. A workgroup does the queries of ROWS * INVOCATIONS / parts, which have the same keys: how
// is the variant's (matmul/attention/subgroup.wgsl, matmul/attention/workgroup.wgsl). Workgroups are numbered by queries, head, batch.

struct Operand {
    first: u32,
    batch: u32,
    head: u32,
    row: u32,
}

struct Addend {
    batch: u32,
    head: u32,
    row: u32,
    column: u32,
}

struct Params {
    query: Operand,
    key: Operand,
    value: Operand,
    output: Operand,
    bias: Addend,
    mask: Addend,
    bias_first: u32,
    mask_first: u32,
    batch: u32,
    heads: u32,
    queries: u32,
    keys: u32,
    quads: u32,
    value_quads: u32,
    parts: u32,
    scale: f32,
    biased: u32,
    masked: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> query: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> key: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> value: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> output: array<vec4<f32>>;

// Where keys and values of a head begin.
struct Place {
    keys: u32,
    values: u32,
    lane: u32,
}

// The first query of a workgroup, and where the addends of its head begin.
struct Queries {
    first: u32,
    biases: u32,
    masks: u32,
}

// Of each query: its largest score, the sum of exp(score - largest), and whether a score makes NaN of it.
struct State {
    largest: Each,
    total: Each,
    spoilt: EachFlag,
}

// Eight quads.
struct Eight {
    low: mat4x4<f32>,
    high: mat4x4<f32>,
}

fn product_of_eights(a: Eight, b: Eight) -> f32 {
    let low = a.low[0] * b.low[0] + a.low[1] * b.low[1] + a.low[2] * b.low[2] + a.low[3] * b.low[3];
    let both = low + a.high[0] * b.high[0] + a.high[1] * b.high[1] + a.high[2] * b.high[2] + a.high[3] * b.high[3];
    return both.x + both.y + both.z + both.w;
}

fn scaled_eight(sum: Eight, factor: f32) -> Eight {
    return Eight(sum.low * factor, sum.high * factor);
}

fn with_weighted_eight(sum: Eight, weight: f32, value: Eight) -> Eight {
    return Eight(sum.low + value.low * weight, sum.high + value.high * weight);
}

// A quad that exists, and else 0; what does not exist reads the first, which is bound.
fn query_quad(start: u32, quad: u32) -> vec4<f32> {
    let exists = quad < params.quads;
    return select(vec4<f32>(0.0), params.scale * query[start + select(0u, quad, exists)], exists);
}

fn query_eight(start: u32, eight: u32) -> Eight {
    let at = 8u * eight;
    return Eight(
        mat4x4<f32>(query_quad(start, at), query_quad(start, at + 1u), query_quad(start, at + 2u), query_quad(start, at + 3u)),
        mat4x4<f32>(query_quad(start, at + 4u), query_quad(start, at + 5u), query_quad(start, at + 6u), query_quad(start, at + 7u)),
    );
}

// What is beyond the last key reads it; values there are 0.
fn key_quad(place: Place, at: u32, quad: u32) -> vec4<f32> {
    let exists = quad < params.quads;
    let start = place.keys + min(at, params.keys - 1u) * params.key.row;
    return select(vec4<f32>(0.0), key[start + select(0u, quad, exists)], exists);
}

fn value_quad(place: Place, at: u32, quad: u32) -> vec4<f32> {
    let exists = (quad < params.value_quads) & (at < params.keys);
    let start = place.values + min(at, params.keys - 1u) * params.value.row;
    return select(vec4<f32>(0.0), value[start + select(0u, quad, exists)], exists);
}

// A factor of 0 gives 0, whatever the sum.
fn store_eight(start: u32, eight: u32, sum: Eight, factor: f32) {
    var left = sum;
    var i = 0u;
    loop {
        let quad = 8u * eight + i;
        if quad < params.value_quads {
            output[start + quad] = select(left.low[0] * factor, vec4<f32>(0.0), factor == 0.0);
        }
        left = Eight(
            mat4x4<f32>(left.low[1], left.low[2], left.low[3], left.high[0]),
            mat4x4<f32>(left.high[1], left.high[2], left.high[3], left.high[3]),
        );
        i++;
        if i >= 8u {
            break;
        }
    }
}

// Scores without their addends, and with them.
fn with_addends(products: Each, biases: EachAddress, masks: EachAddress, at: u32) -> Each {
    var scores = products;
    let addend = min(at, params.keys - 1u);
    if no_uniform(params.biased) != 0u {
        scores += bias_each(biases + addend * params.bias.column);
    }
    if no_uniform(params.masked) != 0u {
        scores += mask_each(masks + addend * params.mask.column);
    }
    return scores;
}

@compute @workgroup_size(INVOCATIONS)
fn attention(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let together = ROWS * INVOCATIONS / params.parts;
    let by_queries = divide(linear_workgroup(workgroup, grid), (params.queries + together - 1u) / together);
    let by_head = divide(by_queries.x, params.heads);
    // Uniform over the workgroup.
    if by_head.x >= params.batch {
        return;
    }
    let batch = by_head.x;
    let head = by_head.y;
    let first = by_queries.y * together;
    // Queries beyond the last do as the last.
    let last = params.queries - 1u;
    let place = Place(
        params.key.first + batch * params.key.batch + head * params.key.head,
        params.value.first + batch * params.value.batch + head * params.value.head,
        lane,
    );
    let queries = Queries(
        first,
        params.bias_first + batch * params.bias.batch + head * params.bias.head,
        params.mask_first + batch * params.mask.batch + head * params.mask.head,
    );

    let query_start = params.query.first + batch * params.query.batch + head * params.query.head;
    var rows: Rows;
    var row = 0u;
    loop {
        rows = with_query(rows, query_start + min(query_of(first, lane, row), last) * params.query.row, lane);
        row++;
        if row >= ROWS {
            break;
        }
    }
    rows = begun(rows, queries, lane);
    let keys = no_uniform(params.keys);
    let at_once = keys_at_once();
    var key = 0u;
    loop {
        rows = attend(rows, place, key);
        key += at_once;
        if key >= keys {
            break;
        }
    }

    let output_start = params.output.first + batch * params.output.batch + head * params.output.head;
    row = 0u;
    loop {
        let index = query_of(first, lane, row);
        let total = first_total(rows);
        let factor = or_nan(select(1.0 / total, 0.0, total == 0.0), first_spoilt(rows));
        if index < params.queries {
            store_sum(rows, output_start + index * params.output.row, factor, lane);
        }
        rows = next_sum(rows);
        row++;
        // Of what is beyond the last query nothing is stored.
        if row >= ROWS || query_of(first, 0u, row) >= params.queries {
            break;
        }
    }
}
