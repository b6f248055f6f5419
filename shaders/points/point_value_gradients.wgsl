// The gradient of the pixels of a level: each is the sum over the points of the four cells around it of
// weight of the point * weight of the pixel * grad_output[image, query, head, channel]
//
// numbers      point_keys.wgsl, sorted by cell
// starts       for each (image, head, cell), and behind the last, where its points begin in `numbers`
// grad_output  (image, query, head, lane), output_image, output_query and output_lane apart
// grad_value   (image, pixel, head, lane), likewise; where accumulate is 1, the gradient is added to what it holds
// positions, and where points have them table and weights: point_sums.wgsl
//
// A dispatch does `pixels` pixels of a level, level_width of which are a row, from level_pixel on, in images from image_first on. Points are added up in
// the order in which they are sorted. One invocation does some lanes of a head of a pixel.

struct Params {
    points: Points,
    image_first: u32,
    lanes: u32,
    cells: u32,
    level_width: u32,
    level_cell: u32,
    level_pixel: u32,
    pixels: u32,
    accumulate: u32,
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
@group(0) @binding(1) var<storage, read> numbers: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read> grad_output: array<Lanes>;
@group(0) @binding(4) var<storage, read_write> grad_value: array<Lanes>;
@group(0) @binding(5) var<storage, read> positions: array<u32>;

@compute @workgroup_size(64)
fn point_value_gradients(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_lane = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.lanes);
    let by_head = divide(by_lane.x, params.points.heads);
    let by_pixel = divide(by_head.x, params.pixels);
    if by_pixel.x >= params.points.images {
        return;
    }
    let image = params.image_first + by_pixel.x;
    let head = by_head.y;
    let pixel = divide(params.level_pixel + by_pixel.y, params.level_width);
    // The cells above the pixel, and those below it: two of each, side by side.
    let upper = (image * params.points.heads + head) * params.cells + params.level_cell
        + pixel.x * (params.level_width + 1u) + pixel.y;
    let lower = upper + params.level_width + 1u;
    let first = vec2<u32>(starts[upper], starts[lower]);
    let above = starts[upper + 2u] - first.x;
    let all = above + starts[lower + 2u] - first.y;
    let grad_from = params.output_first + by_pixel.x * params.output_image + (head * params.lanes + by_lane.y) * params.output_lane;
    var sum = Lanes(0.0);
    for (var each = 0u; each < all; each++) {
        let number = divide(numbers[select(first.y + each - above, first.x + each, each < above)], params.points.points);
        let place = place_of(image, number.x, head, number.y);
        let is_low = place.low == bitcast<vec2<i32>>(pixel);
        let near = select(place.fraction, 1.0 - place.fraction, is_low);
        let factor = near.x * near.y;
        let grad = grad_output[grad_from + number.x * params.output_query];
        sum += select(Lanes(0.0), factor * bitcast<f32>(place.weight) * grad, factor != 0.0);
    }
    let to = params.value_first + by_pixel.x * params.value_image + by_pixel.y * params.value_pixel
        + (head * params.lanes + by_lane.y) * params.value_lane;
    grad_value[to] = sum + select(Lanes(0.0), grad_value[to], params.accumulate != 0u);
}
