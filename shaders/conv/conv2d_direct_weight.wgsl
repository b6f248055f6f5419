// The gradient of the weight of a plain convolution without columns, for groups of at most four output channels.
//
// packed  conv/direct/direct.wgsl
// grads   (pixel of the strip, group) quads: the gradients of a group's output channels, 0 in the lanes beyond them
// sums    (block, group, row of four, tap, quad of the group) quads, from sums_first on; added to where accumulate is 1
//
// A strip is `pixels` output pixels, numbered over all images from pixel_first on, in blocks of block_pixels. A dispatch does `blocks` of them
// from block_first on, and `groups` groups of each from group_first on. One invocation does one quad of one tap of one group in one block.

struct Params {
    window: Window,
    all_groups: u32,
    group_first: u32,
    groups: u32,
    block_first: u32,
    blocks: u32,
    block_pixels: u32,
    accumulate: u32,
    sums_first: u32,
}

@group(0) @binding(2) var grads: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4<f32>>;

@compute @workgroup_size(64)
fn conv2d_direct_weight(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_quad = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.window.quads_per_group);
    let by_tap = divide(by_quad.x, params.window.taps);
    let by_group = divide(by_tap.x, params.groups);
    if by_group.x >= params.blocks {
        return;
    }
    let group = params.group_first + by_group.y;
    let quad = group * params.window.quads_per_group + by_quad.y;
    let tap = vec2<i32>(divide(by_tap.y, params.window.kernel_width) * vec2<u32>(params.window.dilation_y, params.window.dilation_x));
    let first = (params.block_first + by_group.x) * params.block_pixels;
    let end = min(first + params.block_pixels, params.window.pixels);

    let by_row = divide(params.window.pixel_first + first, params.window.out_width);
    let by_image = divide(by_row.x, params.window.out_height);
    var image = by_image.x;
    var out = vec2<u32>(by_image.y, by_row.y);
    var of_rows = mat4x4<f32>();
    for (var pixel = first; pixel < end; pixel++) {
        let value = load(window(image, out), tap.x, tap.y, quad).value;
        let grad = textureLoad(grads, texel(quad_address(0u, pixel, group, 0u, params.all_groups)));
        of_rows[0] += grad.x * value;
        of_rows[1] += grad.y * value;
        of_rows[2] += grad.z * value;
        of_rows[3] += grad.w * value;
        out.y += 1u;
        if out.y == params.window.out_width {
            out = vec2<u32>(out.x + 1u, 0u);
        }
        if out.x == params.window.out_height {
            out.x = 0u;
            image += 1u;
        }
    }
    let row_quads = params.window.taps * params.window.quads_per_group;
    let address = params.sums_first / 4u + 4u * by_tap.x * row_quads + by_tap.y * params.window.quads_per_group + by_quad.y;
    var row = 0u;
    loop {
        let at = address + row * row_quads;
        var held = vec4<f32>(0.0);
        if params.accumulate != 0u {
            held = sums[at];
        }
        sums[at] = held + of_rows[row];
        row++;
        if row >= 4u {
            break;
        }
    }
}
