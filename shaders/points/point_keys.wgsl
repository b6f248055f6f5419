// The cell of each point as a key to sort by: (image, head, cell), or `nowhere` where it does not count.
//
// keys     for each (image, head, query, point)
// numbers  the point among those of its image and head: query * points + point
// positions, and where points have them table and weights: point_sums.wgsl
//
// A level of height x width pixels has (height + 1) x (width + 1) cells, from that at (-1, -1) on; a head has `cells` cells in all levels.
// One invocation does one point.

struct Params {
    points: Points,
    cells: u32,
    nowhere: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> keys: array<u32>;
@group(0) @binding(2) var<storage, read_write> numbers: array<u32>;
@group(0) @binding(3) var<storage, read> positions: array<u32>;

@compute @workgroup_size(64)
fn point_keys(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + lane;
    let by_point = divide(invocation, params.points.points);
    let by_query = divide(by_point.x, params.points.queries);
    let by_head = divide(by_query.x, params.points.heads);
    let image = by_head.x;
    let query = by_query.y;
    let head = by_head.y;
    let point = by_point.y;
    if image >= params.points.images {
        return;
    }
    let place = place_of(image, query, head, point);
    let counts = place.inside && !is_zero_bits(place.weight);
    let row = bitcast<vec2<u32>>(place.low + vec2<i32>(1));
    let cell = place.cell_first + row.x * bitcast<u32>(place.extent.y + 1) + row.y;
    keys[invocation] = select(params.nowhere, by_query.x * params.cells + cell, counts);
    numbers[invocation] = query * params.points.points + point;
}
