// Gradients of points, where their tensors want them: that of the position, x in front of y, or that of the weight.
//
// gradients  (image, query, head, point), dense: point_gradients.wgsl
// gradient   as the positions, or as the weights: points/parts/points.wgsl; where accumulate is 1, it is added to what that holds
//
// One invocation does one point.

struct Params {
    images: u32,
    queries: u32,
    heads: u32,
    points: u32,
    image: u32,
    query: u32,
    head: u32,
    first: u32,
    of_weight: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;

fn store(at: u32, value: f32) {
    gradient[at] = value + select(0.0, gradient[at], params.accumulate != 0u);
}

@compute @workgroup_size(64)
fn point_planes(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + lane;
    let by_point = divide(invocation, params.points);
    let by_head = divide(by_point.x, params.heads);
    let by_query = divide(by_head.x, params.queries);
    if by_query.x >= params.images {
        return;
    }
    let given = gradients[invocation];
    let at = params.first + by_query.x * params.image + by_query.y * params.query + by_head.y * params.head;
    if params.of_weight != 0u {
        store(at + by_point.y, given.z);
    } else {
        store(at + 2u * by_point.y, given.y);
        store(at + 2u * by_point.y + 1u, given.x);
    }
}
