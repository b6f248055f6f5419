// The gradient of the value, by owners that walk over all points: grad_value[image, pixel, head, lane] += the sum over points of
// weight of the point * weight of the pixel * grad_output[image, query, head, lane]
//
// grad_output  (image, query, head, lane), output_image, output_query and output_lane apart
// grad_value   (image, pixel, head, lane), likewise; the pixels of a band
// positions, and where points have them table and weights: point_sums.wgsl
//
// One invocation does some lanes of a head of an image, which no other writes, query by query and point by point.

struct Params {
    points: Points,
    lanes: u32,
    value_image: u32,
    value_pixel: u32,
    value_lane: u32,
    value_first: u32,
    output_image: u32,
    output_query: u32,
    output_lane: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad_output: array<Lanes>;
@group(0) @binding(2) var<storage, read_write> grad_value: array<Lanes>;
@group(0) @binding(3) var<storage, read> positions: array<u32>;

@compute @workgroup_size(8)
fn point_walk(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_lane = divide(linear_workgroup(workgroup, grid) * 8u + lane, params.lanes);
    let by_head = divide(by_lane.x, params.points.heads);
    let image = by_head.x;
    let head = by_head.y;
    if image >= params.points.images {
        return;
    }
    let owned = (head * params.lanes + by_lane.y) * params.value_lane;
    let value_start = params.value_first + image * params.value_image + owned;
    let output_start = params.output_first + image * params.output_image + (head * params.lanes + by_lane.y) * params.output_lane;
    let points = select(0u, params.points.points, lane < 8u);
    let all = points * params.points.queries;
    var query = 0u;
    var point = 0u;
    for (var each = 0u; each < all; each++) {
        let place = place_of(image, query, head, point);
        let corners = corners_of(place);
        let factor = corners.weight_y * corners.weight_x;
        let counts = corners.exists & (factor != vec4<f32>(0.0)) & vec4<bool>(!is_zero_bits(place.weight));
        let grad = bitcast<f32>(place.weight) * grad_output[output_start + query * params.output_query];
        let at = value_start + corners.pixel * params.value_pixel;
        if counts.x {
            grad_value[at.x] += factor.x * grad;
        }
        if counts.y {
            grad_value[at.y] += factor.y * grad;
        }
        if counts.z {
            grad_value[at.z] += factor.z * grad;
        }
        if counts.w {
            grad_value[at.w] += factor.w * grad;
        }
        point++;
        let next = point == points;
        query += select(0u, 1u, next);
        point = select(point, 0u, next);
    }
}
