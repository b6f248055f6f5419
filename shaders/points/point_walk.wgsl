// The gradient of the value, by owners that walk over all points: grad_value[image, pixel, head, lane] += the sum over points of
// weight of the point * weight of the pixel * grad_output[image, query, head, lane]
//
// grad_output  (image, query, head, lane), output_image, output_query and output_lane apart: points/gradients/outputs_buffer.wgsl, heads_texture.wgsl, walked_planes.wgsl
// grad_value   (image, pixel, head, lane), likewise; the pixels of a band
// shares       of each point, as point_shares.wgsl or gradients/shared.wgsl makes them: points/gradients/shares_buffer.wgsl, shares_texture.wgsl
//
// One invocation does some lanes of a head of an image, which no other writes, query by query and point by point.

struct Params {
    images: u32,
    queries: u32,
    heads: u32,
    points: u32,
    lanes: u32,
    value_image: u32,
    value_pixel: u32,
    value_lane: u32,
    value_first: u32,
    output_image: u32,
    output_query: u32,
    output_lane: u32,
    output_first: u32,
    output_plane: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> grad_value: array<Lanes>;

@compute @workgroup_size(8)
fn point_walk(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_lane = divide(linear_workgroup(workgroup, grid) * 8u + lane, params.lanes);
    let by_head = divide(by_lane.x, params.heads);
    let image = by_head.x;
    let head = by_head.y;
    if image >= params.images {
        return;
    }
    let owned = head * params.lanes + by_lane.y;
    let value_start = params.value_first + image * params.value_image + owned * params.value_lane;
    var source = params.output_first + image * params.output_image + owned * params.output_lane;
    let points = select(0u, params.points, lane < 8u);
    let all = points * params.queries;
    // Those of other heads lie between one query and the next.
    let others = points * (params.heads - 1u);
    var at = (image * params.queries * params.heads + head) * points;
    var point = 0u;
    for (var each = 0u; each < all; each++) {
        let share = load_shares(at);
        let grad = load_grad_output(source);
        let to = value_start + share.pixel * params.value_pixel;
        if share.pixel.x != NOWHERE {
            grad_value[to.x] += share.factor.x * grad;
        }
        if share.pixel.y != NOWHERE {
            grad_value[to.y] += share.factor.y * grad;
        }
        if share.pixel.z != NOWHERE {
            grad_value[to.z] += share.factor.z * grad;
        }
        if share.pixel.w != NOWHERE {
            grad_value[to.w] += share.factor.w * grad;
        }
        point++;
        let next = point == points;
        at += select(1u, 1u + others, next);
        source += select(0u, params.output_query, next);
        point = select(point, 0u, next);
    }
}
