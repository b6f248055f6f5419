// One component of the samples' gradients, in the planes of the tensor that it belongs to.
//
// given      the gradients, by y, x and mask: sample_gradients.wgsl, shared/rows/given.wgsl
// plane      the gradient of dy, dx or mask; that of sampling point `point` at pixel `p` of image `n` is element
//            plane_first + n * batch + (point - point_first) * step + p - origin
//
// A dispatch does `pixels` output pixels from pixel_first on, counted over all images, which is the whole strip, and `points` sampling
// points from point_first on. It adds to what is there where accumulate is 1. One invocation does one element.

struct Params {
    component: u32,
    pixel_first: u32,
    pixels: u32,
    out_pixels: u32,
    taps: u32,
    point_first: u32,
    points: u32,
    origin: u32,
    batch: u32,
    step: u32,
    accumulate: u32,
    plane_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> plane: array<f32>;

@compute @workgroup_size(64)
fn sample_planes(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.pixels);
    if mine.x >= params.points {
        return;
    }
    let point = divide(params.point_first + mine.x, params.taps);
    let out_pixel = divide(params.pixel_first + mine.y, params.out_pixels);
    let sample = (point.x * params.pixels + mine.y) * params.taps + point.y;
    let at = params.plane_first + out_pixel.x * params.batch + mine.x * params.step + out_pixel.y - params.origin;
    let all = load_given(sample);
    let gradient = select(select(all.x, all.y, params.component == 1u), all.z, params.component == 2u);
    var held = 0.0;
    if params.accumulate != 0u {
        held = plane[at];
    }
    plane[at] = held + gradient;
}
