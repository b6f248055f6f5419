// The gradient of a flow, of those of the offsets that it is added to: a sum over `points` sampling points.
//
// grad_field (images, field_planes, whole_pixels): dy and dx of the points of each flow in turn, from the piece's first element on
// grad_flow  (images, flow_planes, whole_pixels): dx and dy of each flow, from the piece's first element on
// where accumulate is 1, the sum is added to what grad_flow holds
//
// A piece is `planes` planes of grad_flow, from plane `first_plane` on, of `images` images, `pixels` pixels of each, and `points` points.
// grad_field starts at plane `field_base` of the piece's first image.
// One invocation does one element of grad_flow, points ascending.

struct Params {
    images: u32,
    planes: u32,
    pixels: u32,
    points: u32,
    first_plane: u32,
    first_point: u32,
    field_base: u32,
    field_planes: u32,
    flow_planes: u32,
    planes_per_flow: u32,
    whole_pixels: u32,
    accumulate: u32,
    grad_field_first: u32,
    grad_flow_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> grad_field: array<f32>;
@group(0) @binding(2) var<storage, read_write> grad_flow: array<f32>;

@compute @workgroup_size(64)
fn flow_gradient(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.pixels);
    let by_plane = divide(row.x, params.planes);
    if by_plane.x >= params.images {
        return;
    }
    let plane = params.first_plane + by_plane.y;
    let of_flow = (plane >> 1u) * params.planes_per_flow + 1u - (plane & 1u) - params.field_base;
    let first = by_plane.x * params.field_planes + of_flow + 2u * params.first_point;
    var sum = 0.0;
    for (var point = 0u; point < params.points; point++) {
        sum += grad_field[params.grad_field_first + (first + 2u * point) * params.whole_pixels + row.y];
    }
    let at = params.grad_flow_first + (by_plane.x * params.flow_planes + by_plane.y) * params.whole_pixels + row.y;
    grad_flow[at] = select(sum, grad_flow[at] + sum, params.accumulate != 0u);
}
