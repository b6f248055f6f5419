// For each query and head the sum of samples at its points, each times its weight, as in point_sums.wgsl, for adapters on which memory of a workgroup
// costs as much as a load:
// output[image, query, head, channel] = sum over points of weight * sample of value[image, .., head, channel]
//
// value      (image, pixel, head, quad): points/value
// output     (image, query, head, quad): an image output_image after the one before, a query output_query
//            where accumulate is 1, the sum is added to what the output holds
// positions, table, weights: points/parts/points.wgsl, points/parts/weighted.wgsl
//
// A dispatch does a round of points of each head, `round` of them from point_first on. One invocation does a block of quads of one query and head, and works
// out where their points lie: points/parts/block_1.wgsl, points/parts/block_4.wgsl.

struct Params {
    points: Points,
    lanes: u32,
    point_first: u32,
    round: u32,
    accumulate: u32,
    value_image: u32,
    value_pixel: u32,
    value_first: u32,
    output_image: u32,
    output_query: u32,
    output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> positions: array<u32>;
@group(0) @binding(4) var<storage, read> table: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> weights: array<u32>;

@compute @workgroup_size(64)
fn point_sums_direct(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.lanes / BLOCK);
    let by_head = divide(mine.x, params.points.heads);
    let by_query = divide(by_head.x, params.points.queries);
    let image = by_query.x;
    if image >= params.points.images {
        return;
    }
    let query = by_query.y;
    let head = by_head.y;
    let quad = head * params.lanes + mine.y * BLOCK;
    var sums = Block();
    var each = 0u;
    loop {
        let place = place_of(image, query, head, params.point_first + each);
        let corners = corners_of(place);
        let weight = corners.weight_y * corners.weight_x;
        let some = corners.exists & (weight != vec4<f32>(0.0)) & vec4<bool>(!is_zero_bits(place.weight));
        let factor = select(vec4<f32>(0.0), weight * bitcast<f32>(place.weight), some);
        // Decided on bits: a weight may be NaN.
        let counts = (bitcast<vec4<u32>>(factor) << vec4<u32>(1u)) != vec4<u32>(0u);
        sums = with_pixel(sums, counts.x, factor.x, value_address(image, corners.pixel.x, quad));
        sums = with_pixel(sums, counts.y, factor.y, value_address(image, corners.pixel.y, quad));
        sums = with_pixel(sums, counts.z, factor.z, value_address(image, corners.pixel.z, quad));
        sums = with_pixel(sums, counts.w, factor.w, value_address(image, corners.pixel.w, quad));
        each++;
        if each >= params.round {
            break;
        }
    }
    let to = params.output_first + image * params.output_image + query * params.output_query + quad;
    store_block(to, sums, params.accumulate != 0u);
}
