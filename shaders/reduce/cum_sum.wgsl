// Sums along rows up to each element: output[p] = before + the sum of the elements of the segment up to p, from the last one on where reverse is 1,
// without p itself where exclusive is 1
//
// input   (planes, extent, columns): reduce/parts/number_f32.wgsl, number_i32.wgsl; one lies `row` behind the one before it, a plane `plane`
// before  (planes, segments, columns): what each segment starts from; 0 where starts is 0
// output  as input; where writes is 0, (planes, segments, columns): the sums of segments
//
// A segment is `length` of the extent, or what is left, counted from the last element on where reverse is 1. A workgroup does `width` segments side
// by side, a power of 2, each by `lanes`, 64 / width, of which each does a run of elements.

struct Params {
    planes: u32,
    extent: u32,
    columns: u32,
    segments: u32,
    length: u32,
    plane: u32,
    row: u32,
    width: u32,
    run: u32,
    exclusive: u32,
    reverse: u32,
    starts: u32,
    writes: u32,
    input_first: u32,
    before_first: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Number>;
@group(0) @binding(2) var<storage, read> before: array<Number>;
@group(0) @binding(3) var<storage, read_write> output: array<Number>;

var<workgroup> sums: array<Number, 64>;

@compute @workgroup_size(64)
fn cum_sum(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) slot: u32,
) {
    let index = linear_workgroup(workgroup, grid);
    let all = params.planes * params.segments * params.columns;
    // Uniform over the workgroup.
    if index * params.width >= all {
        return;
    }
    let by_lane = divide(slot, params.width);
    let lane = by_lane.x;
    let number = index * params.width + by_lane.y;
    let inside = number < all;
    let by_column = divide(number, params.columns);
    let by_segment = divide(by_column.x, params.segments);
    let first = by_segment.x * params.plane + by_column.y;
    let begin = by_segment.y * params.length + lane * params.run;
    let end_of_segment = min((by_segment.y + 1u) * params.length, params.extent);
    let end = select(0u, min(begin + params.run, end_of_segment), inside);
    let reverse = params.reverse != 0u;
    let writes = params.writes != 0u;

    var sum = Number(0);
    for (var at = begin; at < end; at++) {
        let place = select(at, params.extent - 1u - at, reverse);
        sum += input[params.input_first + first + place * params.row];
    }
    sums[slot] = sum;
    for (var reach = 1u; reach < 64u; reach *= 2u) {
        workgroupBarrier();
        let adds = lane >= reach;
        let other = sums[select(0u, slot - reach * params.width, adds)];
        workgroupBarrier();
        sums[slot] += select(Number(0), other, adds);
    }
    workgroupBarrier();
    let starts = (params.starts != 0u) & inside;
    let of_segment = before[select(0u, params.before_first + number, starts)];
    let of_lanes = sums[select(0u, slot - params.width, lane > 0u)];
    sum = select(Number(0), of_segment, starts) + select(Number(0), of_lanes, lane > 0u);

    let exclusive = params.exclusive != 0u;
    let end_of_writing = select(0u, end, writes);
    for (var at = begin; at < end_of_writing; at++) {
        let place = first + select(at, params.extent - 1u - at, reverse) * params.row;
        let next = sum + input[params.input_first + place];
        output[params.output_first + place] = select(next, sum, exclusive);
        sum = next;
    }
    if !writes & inside & (lane == 0u) {
        output[params.output_first + number] = sums[64u - params.width + slot];
    }
}
