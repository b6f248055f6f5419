// Sums of segments of planes: output[plane, segment, column] = scale * the sum of input[plane, segment * length .., column], length
// elements or what is left
//
// input  (planes, pixels, columns), a pixel `row` elements behind the one before: shared/stored_32.wgsl, shared/stored_16.wgsl
// output (planes, segments, columns)
// width  columns that lie side by side in a workgroup: a power of 2, 64 at most
// where accumulate is 1, the sum is added to what the output holds
//
// One workgroup does `width` columns of one segment: each invocation every (64 / width)th element of a column, and then a tree.

struct Params {
    planes: u32,
    pixels: u32,
    columns: u32,
    segments: u32,
    length: u32,
    width: u32,
    scale: f32,
    accumulate: u32,
    row: u32,
    input_first: u32,
    output_first: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn segment_sums(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (params.columns + params.width - 1u) / params.width;
    let by_tile = divide(linear_workgroup(workgroup, grid), tiles);
    // Uniform over the workgroup.
    if by_tile.x >= params.planes * params.segments {
        return;
    }
    let at = divide(by_tile.x, params.segments);
    let start = at.y * params.length;
    let item = divide(lane, params.width);
    let column = by_tile.y * params.width + item.y;
    let inside = column < params.columns;
    let end = select(0u, min(start + params.length, params.pixels), inside);
    let plane = params.input_first + at.x * params.pixels * params.row + column;

    var sum = 0.0;
    for (var pixel = start + item.x; pixel < end; pixel += 64u / params.width) {
        let element = plane + pixel * params.row;
        sum += value_of(input[word_of(element)], element);
    }
    sums[lane] = sum;
    var reach = 32u;
    loop {
        workgroupBarrier();
        if (lane < reach) & (reach >= params.width) {
            sums[lane] += sums[lane + reach];
        }
        reach /= 2u;
        if reach == 0u {
            break;
        }
    }
    if (lane < params.width) & inside {
        let value = params.scale * sums[lane];
        let to = params.output_first + by_tile.x * params.columns + column;
        output[to] = select(value, output[to] + value, params.accumulate != 0u);
    }
}
