// The gradients of the position and the weight of each point: (by y, by x, by the weight, 0), summed over the channels of its head.
//
// value        point_sums.wgsl
// grad_output  as the output of point_sums.wgsl: points/gradients/outputs_buffer.wgsl, heads_texture.wgsl
// positions, table, weights: point_sums.wgsl
//
// Where the gradients go: points/gradients/kept.wgsl, points/gradients/given.wgsl. Whether shares of points go beside them, for a walk:
// points/gradients/shared.wgsl, points/gradients/unshared.wgsl. The derivative of a bilinear sample is the right-hand one at whole numbers, and 0 at
// exactly -1 where edge_zero is 1. A dispatch does `lanes` of the head_lanes of each head. Where there are several, or several bands, all but the
// first accumulate. The last multiplies the first two by the weight, which may be infinite; until then the fourth component says which of them have
// terms, y as 1 and x as 2. One invocation does `each` points of a query and head, one of so many `parts` of them.

struct Params {
    points: Points,
    lanes: u32,
    head_lanes: u32,
    accumulate: u32,
    last: u32,
    edge_zero: u32,
    value_image: u32,
    value_pixel: u32,
    value_first: u32,
    output_image: u32,
    output_query: u32,
    output_first: u32,
    grad_positions_first: u32,
    grad_weights_first: u32,
    positions_add: u32,
    weights_add: u32,
    parts: u32,
    each: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> positions: array<u32>;
@group(0) @binding(5) var<storage, read> table: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read> weights: array<u32>;

// The number of a point, of which its image, query, head and number within the head are given, in what is dense.
fn number_of(point: vec4<u32>) -> u32 {
    return ((point.x * params.points.queries + point.y) * params.points.heads + point.z) * params.points.points + point.w;
}

// The sums over lanes of products of grad_output, from a lane of it on, with each of four pixels of the value, from a lane of theirs on.
fn products_of(image: u32, first: u32, pixel: vec4<u32>, grad_from: u32, lanes: u32) -> vec4<f32> {
    let source = vec4<u32>(
        value_address(image, pixel.x, first),
        value_address(image, pixel.y, first),
        value_address(image, pixel.z, first),
        value_address(image, pixel.w, first),
    );
    var products = vec4<f32>(0.0);
    var each = 0u;
    loop {
        let grad = load_grad_output(grad_from + each);
        products += vec4<f32>(
            sum_of_lanes(grad * load_value(source.x + each)),
            sum_of_lanes(grad * load_value(source.y + each)),
            sum_of_lanes(grad * load_value(source.z + each)),
            sum_of_lanes(grad * load_value(source.w + each)),
        );
        each++;
        if each >= lanes {
            break;
        }
    }
    return products;
}

@compute @workgroup_size(64)
fn point_gradients(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.parts);
    let by_head = divide(mine.x, params.points.heads);
    let by_query = divide(by_head.x, params.points.queries);
    let image = by_query.x;
    let query = by_query.y;
    let head = by_head.y;
    if image >= params.points.images {
        return;
    }
    let grad_from = params.output_first + image * params.output_image + query * params.output_query + head * params.head_lanes;
    let lanes = select(0u, params.lanes, lane < 64u);
    let end = (mine.y + 1u) * params.each;
    var point = mine.y * params.each;
    loop {
        let place = place_of(image, query, head, point);
        let corners = corners_of(place);
        let products = products_of(image, head * params.head_lanes, corners.pixel, grad_from, lanes);
        let weight = bitcast<f32>(place.weight);
        let weighted = corners.exists & vec4<bool>(!is_zero_bits(place.weight));
        let at_edge = (place.low == vec2<i32>(-1)) & (place.fraction == vec2<f32>(0.0)) & vec2<bool>(params.edge_zero != 0u);
        let slope = select(place.slope, vec2<f32>(0.0), at_edge);
        let by_y = sum_of(slope.x * vec4<f32>(-1.0, -1.0, 1.0, 1.0) * corners.weight_x, products, weighted);
        let by_x = sum_of(slope.y * vec4<f32>(-1.0, 1.0, -1.0, 1.0) * corners.weight_y, products, weighted);
        let by_weight = sum_of(corners.weight_y * corners.weight_x, products, corners.exists);
        let at = vec4<u32>(image, query, head, point);
        let gradients = with_terms(gradients_before(at), by_y, by_x, by_weight.x, weight);
        put_gradients(at, gradients.sums, gradients.done);
        put_shares(at, place, corners);
        point++;
        if point >= end {
            break;
        }
    }
}
