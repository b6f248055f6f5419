// The columns of a deformable convolution: for each output pixel, the bilinear sample that each tap of its window takes at its
// regular place plus its offset, times its mask.
//
// offset_y      bits of dy; that of sampling point `point` = offset_group * taps + tap at pixel `p` of image `n` is element
//               offset_y_first + n * offset_y_batch + (point - point_first) * offset_y_step + p - origin
// offset_x      bits of dx, likewise; often the same buffer
// mask          likewise; not read where modulated is 0
//
// Other bindings and shares: shared/columns.wgsl. The dispatch does the sampling points from point_first on, `points` of them,
// and leaves the columns of others alone.

@group(0) @binding(4) var<storage, read> offset_y: array<u32>;
@group(0) @binding(5) var<storage, read> offset_x: array<u32>;
@group(0) @binding(6) var<storage, read> mask: array<f32>;

// The neighbours of a sampling point, their weights times its mask.
fn modulated_neighbours(image: u32, out_pixel: u32, base: vec2<i32>, point: u32) -> Neighbours {
    let p = out_pixel - params.origin;
    let at = point - params.point_first;
    let delta_bits = vec2<u32>(
        offset_y[params.offset_y_first + image * params.offset_y_batch + at * params.offset_y_step + p],
        offset_x[params.offset_x_first + image * params.offset_x_batch + at * params.offset_x_step + p],
    );
    let extent = vec2<i32>(i32(params.height), i32(params.width));
    var result = neighbours(base, delta_bits, extent, params.border);
    if params.modulated != 0u {
        result.weight *= mask[params.mask_first + image * params.mask_batch + at * params.mask_step + p];
    }
    return result;
}

@compute @workgroup_size(64)
fn deform_im2col(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = share(linear_workgroup(workgroup, grid) * 64u + lane);
    if !mine.exists {
        return;
    }
    let image = (params.pixel_first + mine.pixel) / params.out_pixels;
    let out_pixel = (params.pixel_first + mine.pixel) % params.out_pixels;
    let base = tap_position(out_pixel, mine.tap);

    var known = 0xffffffffu;
    var near: Neighbours;
    for (var quad = mine.quads.x; quad < mine.quads.y; quad++) {
        let table = channel_quads[params.quad_first + quad];
        let point = table.z * params.taps + mine.tap;
        if point - params.point_first >= params.points {
            continue;
        }
        if known != point {
            known = point;
            near = modulated_neighbours(image, out_pixel, base, point);
            near.pixel = (near.pixel + image * params.height * params.width) * params.quads;
        }
        var value = vec4<f32>(0.0);
        value += near.weight.x * select(vec4<f32>(0.0), packed[near.pixel.x + quad], near.weight.x != 0.0);
        value += near.weight.y * select(vec4<f32>(0.0), packed[near.pixel.y + quad], near.weight.y != 0.0);
        value += near.weight.z * select(vec4<f32>(0.0), packed[near.pixel.z + quad], near.weight.z != 0.0);
        value += near.weight.w * select(vec4<f32>(0.0), packed[near.pixel.w + quad], near.weight.w != 0.0);
        store_columns(mine.pixel, mine.tap, params.quad_first + quad, table.x, table.y, value);
    }
}
