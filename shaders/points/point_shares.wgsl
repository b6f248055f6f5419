// The pixels that each point is part of: worked out once, for all that go by them.
//
// shares  (image, query, head, point), dense: points/parts/shares.wgsl
// positions, and where points have them table and weights: point_sums.wgsl
//
// One invocation does one point.

struct Params {
    points: Points,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> shares: array<Shares>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;

@compute @workgroup_size(64)
fn point_shares(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + lane;
    let by_point = divide(invocation, params.points.points);
    let by_head = divide(by_point.x, params.points.heads);
    let by_query = divide(by_head.x, params.points.queries);
    if by_query.x >= params.points.images {
        return;
    }
    let place = place_of(by_query.x, by_query.y, by_head.y, by_point.y);
    shares[invocation] = shares_of(place, corners_of(place));
}
