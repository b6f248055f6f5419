// For each query and head the sum of samples at its points, each times its weight:
// output[image, query, head, channel] = sum over points of weight * sample of value[image, .., head, channel]
//
// value      (image, pixel, head, channel) in lanes: points/value; the pixels of a band
// output     (image, query, head, channel) in lanes: an image output_image after the one before, a query output_query
//            where accumulate is 1, the sum is added to what the output holds
// positions, table, weights: points/parts/points.wgsl, points/parts/weighted.wgsl
//
// Lanes: points/parts/lanes_1.wgsl, points/parts/lanes_4.wgsl. A dispatch does a round of points of each head, `round`
// of them from point_first on. One workgroup does `pairs` pairs of a query and a head: it works out where their points lie, each once, and then its
// invocations add them up, each for some lanes.

struct Params {
    points: Points,
    lanes: u32,
    pairs: u32,
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
@group(0) @binding(2) var<storage, read_write> output: array<Lanes>;
@group(0) @binding(3) var<storage, read> positions: array<u32>;
@group(0) @binding(4) var<storage, read> table: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> weights: array<u32>;

// Of each pair and point: the addresses of the four pixels around it, and what each of them is multiplied by.
var<workgroup> addresses: array<vec4<u32>, 256>;
var<workgroup> factors: array<vec4<f32>, 256>;

// Image, query and head of a pair.
fn of_pair(pair: u32) -> vec3<u32> {
    let by_head = divide(pair, params.points.heads);
    let by_query = divide(by_head.x, params.points.queries);
    return vec3<u32>(by_query, by_head.y);
}

@compute @workgroup_size(64)
fn point_sums(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_pair = linear_workgroup(workgroup, grid) * params.pairs;
    let all_pairs = params.points.images * params.points.queries * params.points.heads;
    // Uniform over the workgroup.
    if first_pair >= all_pairs {
        return;
    }
    let pairs = min(params.pairs, all_pairs - first_pair);
    let entries = select(0u, pairs * params.round, lane < 64u);
    for (var entry = lane; entry < entries; entry += 64u) {
        let mine = divide(entry, params.round);
        let at = of_pair(first_pair + mine.x);
        let point = params.point_first + mine.y;
        let place = place_of(at.x, at.y, at.z, point);
        let corners = corners_of(place);
        let weight = corners.weight_y * corners.weight_x;
        let counts = corners.exists & (weight != vec4<f32>(0.0)) & vec4<bool>(!is_zero_bits(place.weight));
        factors[entry] = select(vec4<f32>(0.0), weight * bitcast<f32>(place.weight), counts);
        let first = at.z * params.lanes;
        addresses[entry] = vec4<u32>(
            value_address(at.x, corners.pixel.x, first),
            value_address(at.x, corners.pixel.y, first),
            value_address(at.x, corners.pixel.z, first),
            value_address(at.x, corners.pixel.w, first),
        );
    }
    workgroupBarrier();
    let sums = select(0u, pairs * params.lanes, lane < 64u);
    for (var each = lane; each < sums; each += 64u) {
        let mine = divide(each, params.lanes);
        let at = of_pair(first_pair + mine.x);
        var sum = Lanes(0.0);
        let end = (mine.x + 1u) * params.round;
        for (var entry = mine.x * params.round; entry < end; entry++) {
            let factor = factors[entry];
            // Decided on bits: a weight may be NaN.
            let counts = (bitcast<vec4<u32>>(factor) << vec4<u32>(1u)) != vec4<u32>(0u);
            let source = addresses[entry] + mine.y;
            sum += select(Lanes(0.0), factor.x * load_value(source.x), counts.x);
            sum += select(Lanes(0.0), factor.y * load_value(source.y), counts.y);
            sum += select(Lanes(0.0), factor.z * load_value(source.z), counts.z);
            sum += select(Lanes(0.0), factor.w * load_value(source.w), counts.w);
        }
        let to = params.output_first + at.x * params.output_image + at.y * params.output_query
            + at.z * params.lanes + mine.y;
        output[to] = sum + select(Lanes(0.0), output[to], params.accumulate != 0u);
    }
}
