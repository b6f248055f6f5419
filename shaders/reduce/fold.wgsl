// Segments of rows, each folded into one state, or into a result: a sum, a product, an extreme, as reduce/parts/fold_*.wgsl has it
//
// input  (planes, extent, columns): elements, or where folded is 1 states of WORDS words each; an element of the
//        extent lies `row` behind the one before it, a plane `plane`
// output (planes, segments, columns): states, or where finishes is 1 results; where continues is 1, the states that are there are folded in
//
// A segment is `length` of the extent, or what is left; `position` is the index of the first element in its row. What is done of an element, and
// at the end of a result, is the fold's: operation, finish, scale, count.
//
// A workgroup does `width` segments side by side, a power of 2, each by `lanes`, 64 / width: every so many-th element, and then a tree. The lanes of
// a segment lie side by side where its elements do; elsewhere segments do.

struct Params {
    planes: u32,
    extent: u32,
    columns: u32,
    segments: u32,
    length: u32,
    plane: u32,
    row: u32,
    width: u32,
    lanes: u32,
    position: u32,
    folded: u32,
    continues: u32,
    finishes: u32,
    operation: u32,
    finish: u32,
    scale: f32,
    count: u32,
    input_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

var<workgroup> partial: array<State, 64>;

// The addresses of the words of a state, the last of which may be repeated.
fn words_at(first: u32, state: u32) -> vec3<u32> {
    return first + state * WORDS + vec3<u32>(0u, min(1u, WORDS - 1u), WORDS - 1u);
}

@compute @workgroup_size(64)
fn fold(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let index = linear_workgroup(workgroup, grid);
    let all = params.planes * params.segments * params.columns;
    // Uniform over the workgroup.
    if index * params.width >= all {
        return;
    }
    let along = params.row == 1u;
    let apart = divide(invocation, select(params.width, params.lanes, along));
    let lane = select(apart.x, apart.y, along);
    let place = select(apart.y, apart.x, along);
    let slot = lane * params.width + place;
    let number = index * params.width + place;
    let inside = number < all;
    let by_column = divide(number, params.columns);
    let by_segment = divide(by_column.x, params.segments);
    let first = by_segment.x * params.plane + by_column.y;
    let begin = by_segment.y * params.length;
    let end = select(0u, min(begin + params.length, params.extent), inside);

    var mine = start();
    let end_of_elements = select(end, 0u, params.folded != 0u);
    for (var at = begin + lane; at < end_of_elements; at += params.lanes) {
        mine = both(mine, element(input[params.input_first + first + at * params.row], params.position + at));
    }
    let end_of_states = select(0u, end, params.folded != 0u);
    for (var at = begin + lane; at < end_of_states; at += params.lanes) {
        let words = words_at(params.input_first, first + at * params.row);
        mine = both(mine, state_of(vec3<u32>(input[words.x], input[words.y], input[words.z])));
    }
    partial[slot] = mine;
    var reach = 32u;
    loop {
        workgroupBarrier();
        if (slot < reach) & (reach >= params.width) {
            partial[slot] = both(partial[slot], partial[slot + reach]);
        }
        reach /= 2u;
        if reach == 0u {
            break;
        }
    }
    if (lane == 0u) & inside {
        let continues = params.continues != 0u;
        let finishes = params.finishes != 0u;
        let held = select(vec3<u32>(0u), words_at(params.output_first, number), continues);
        let before = vec3<u32>(output[held.x], output[held.y], output[held.z]);
        let state = both(state_of(select(words_of(start()), before, continues)), partial[slot]);
        let words = words_of(state);
        let result = vec3<u32>(finished(state));
        let written = select(vec3<u32>(words.x, words[min(1u, WORDS - 1u)], words[WORDS - 1u]), result, finishes);
        let to = select(words_at(params.output_first, number), vec3<u32>(params.output_first + number), finishes);
        output[to.z] = written.z;
        output[to.y] = written.y;
        output[to.x] = written.x;
    }
}
