// The softmax of rows and the sum of a gradient that it weights. The kernel gives `gradient_of` an element: 0 where none is asked for.
//
// input      rows of (planes, extent, columns), or a range of each: reduce/parts/rows.wgsl
// statistics (rows, 3): the largest element of a row, the sum of exp(input - largest), and that of gradient * exp(input - largest), or, where
//            logarithm is 1, of the gradient; four elements that are not used where one dispatch finds and uses them
//
// All three are found in one pass: see shared/softmax.wgsl.

@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> statistics: array<f32>;

var<workgroup> partial: array<vec3<f32>, 64>;

// Two parts of a row as one.
fn both(a: vec3<f32>, b: vec3<f32>) -> vec3<f32> {
    let join = joined(a.x, b.x);
    let sums = a.yz * join.y + b.yz * join.z;
    return vec3<f32>(join.x, sums.x, select(sums.y, a.z + b.z, params.logarithm != 0u));
}

// The statistics of a row, found where `finds` is 1, and from what is held on where rows.continues is 1. All lanes of a row get them. They are
// held where `writes` is 0.
fn statistics_of(row: Row) -> vec3<f32> {
    let holds = row.inside & ((params.finds == 0u) | (params.writes == 0u));
    let at_row = select(0u, params.statistics_first + 3u * row.number, holds);
    let held = vec3<f32>(statistics[at_row], statistics[at_row + 1u], statistics[at_row + 2u]);

    var mine = vec3<f32>(LEAST, 0.0, 0.0);
    let end = end_of(row, params.finds);
    for (var at = row.lane; at < end; at += params.rows.lanes) {
        let element = element_of(row, at);
        let x = input[params.input_first + element];
        // The sums tell that there was one.
        let spoiling = spoils(x);
        let join = joined(mine.x, select(x, mine.x, spoiling));
        let grad = gradient_of(element);
        let sums = mine.yz * join.y + vec2<f32>(1.0, grad) * or_nan(join.z, spoiling);
        mine = vec3<f32>(join.x, sums.x, select(sums.y, mine.z + grad, params.logarithm != 0u));
    }
    partial[row.slot] = mine;
    var reach = 32u;
    loop {
        workgroupBarrier();
        if (row.slot < reach) & (reach >= params.rows.width) {
            partial[row.slot] = both(partial[row.slot], partial[row.slot + reach]);
        }
        reach /= 2u;
        if reach == 0u {
            break;
        }
    }
    workgroupBarrier();
    let found = partial[row.place];
    let all = select(found, both(held, found), (params.finds == 0u) | (params.rows.continues != 0u));
    if holds & (params.writes == 0u) & (row.lane == 0u) {
        statistics[at_row] = all.x;
        statistics[at_row + 1u] = all.y;
        statistics[at_row + 2u] = all.z;
    }
    return all;
}

// The softmax of an element. A row that has NaN or infinity, or nothing but negative infinities, is NaN.
fn softmax_of(element: u32, all: vec3<f32>) -> f32 {
    let x = input[params.input_first + element];
    return or_nan(decay(x - all.x) / all.y, is_nan(all.y) | (all.y == 0.0));
}

// The logarithm of that.
fn log_softmax_of(element: u32, all: vec3<f32>) -> f32 {
    let x = input[params.input_first + element];
    let value = select(bitcast<u32>(x - all.x - log(all.y)), bitcast<u32>(x), bitcast<u32>(x) == (INFINITY | 0x80000000u));
    return or_nan(bitcast<f32>(value), is_nan(all.y) | (all.y == 0.0));
}
