// Planes of what an offset convolution gives: of each image `offset_planes` planes of offsets, dy and dx of each sampling point, then
// planes of masks. A piece of them is done: `planes` planes, from plane `first_plane` on, of `images` images, and `pixels` pixels of each.
//
// field      (images, whole_planes, whole_pixels), from the piece's first element on
// limit      offsets are limit * tanh(x); 0: they are x
// mask_scale masks are mask_scale * sigmoid(x)
// flow       (images, flow_planes, whole_pixels), from the piece's pixels of plane `flow_base` on: dx, then dy of each flow, added to
//            the offsets of `planes_per_flow` planes; where flow_planes is 0 there is none, and any buffer serves

struct Params {
    images: u32,
    planes: u32,
    pixels: u32,
    first_plane: u32,
    whole_planes: u32,
    whole_pixels: u32,
    offset_planes: u32,
    limit: f32,
    mask_scale: f32,
    flow_planes: u32,
    planes_per_flow: u32,
    flow_base: u32,
    flow_first: u32,
    field_first: u32,
    grad_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> flow: array<f32>;

struct Element {
    exists: bool,
    // From the piece's first element.
    at: u32,
    is_offset: bool,
    flow: f32,
}

fn element_of(invocation: u32) -> Element {
    let row = divide(invocation, params.pixels);
    let by_plane = divide(row.x, params.planes);
    let exists = by_plane.x < params.images;
    let plane = params.first_plane + by_plane.y;
    let is_offset = plane < params.offset_planes;
    let flows = exists & is_offset & (params.flow_planes != 0u);
    let flow_plane = 2u * divide(plane, params.planes_per_flow).x + 1u - (plane & 1u);
    let flow_at = (by_plane.x * params.flow_planes + flow_plane - params.flow_base) * params.whole_pixels + row.y;
    let value = flow[params.flow_first + select(0u, flow_at, flows)];
    let at = (by_plane.x * params.whole_planes + by_plane.y) * params.whole_pixels + row.y;
    return Element(exists, at, is_offset, select(0.0, value, flows));
}
