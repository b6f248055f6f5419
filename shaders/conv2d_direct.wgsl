// A plain convolution without columns, for groups of at most four output channels: a product that narrow costs less than storing what it reads.
//
// packed  shared/direct.wgsl
// weight  (group, row of the group, quad) quads, a row's by tap and quad of the group: pack_weight.wgsl
// bias    element (group, row) is bias_first + group * rows + row; not used where biased is 0
// output  element (image, group, row, pixel) is output_first + image * output_image + (group * rows + row) * output_plane + pixel, wrapping;
//         where accumulate is 1, what it holds is added to
//
// A dispatch does `pixels` output pixels, numbered over all images from pixel_first on, of each of some groups, from group_first on. They lie in
// out_rows rows, numbered over all images too, from out_row_first on. One invocation does four pixels side by side of one group. Terms are
// added up by row of the kernel, quad and column. What lies outside the image counts 0 times the weight where padded is 1, and else nothing,
// whatever the weight.
//
// For subgroups of 8 on a CPU: each invocation of four loads a row of the weight for all, and where a tap of a pixel is the next of the one
// before, it is loaded once.

struct Params {
    pixel_first: u32,
    pixels: u32,
    out_row_first: u32,
    out_rows: u32,
    out_height: u32,
    out_width: u32,
    height: u32,
    width: u32,
    kernel_height: u32,
    kernel_width: u32,
    stride_y: u32,
    stride_x: u32,
    padding_top: u32,
    padding_left: u32,
    dilation_y: u32,
    dilation_x: u32,
    quads: u32,
    quads_per_group: u32,
    band_first: u32,
    group_first: u32,
    groups: u32,
    rows: u32,
    padded: u32,
    accumulate: u32,
    biased: u32,
    bias_first: u32,
    output_first: u32,
    output_image: u32,
    output_plane: u32,
}

@group(0) @binding(2) var weight: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// One tap of four pixels.
struct Four {
    p0: Loaded,
    p1: Loaded,
    p2: Loaded,
    p3: Loaded,
}

fn load_four(start: Window, dy: i32, dx: i32, quad: u32) -> Four {
    let stride = i32(params.stride_x);
    return Four(
        load(start, dy, dx, quad),
        load(start, dy, dx + stride, quad),
        load(start, dy, dx + 2 * stride, quad),
        load(start, dy, dx + 3 * stride, quad),
    );
}

// Four channels of a row of the weight times those of four pixels.
fn product(row: vec4<f32>, channels: mat4x4<f32>, inside: vec4<bool>) -> vec4<f32> {
    let terms = row.x * channels[0] + row.y * channels[1] + row.z * channels[2] + row.w * channels[3];
    return select(vec4<f32>(0.0), terms, inside | vec4<bool>(params.padded != 0u));
}

@compute @workgroup_size(64)
fn conv2d_direct(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row_runs = (params.out_width + 3u) / 4u;
    let runs = params.out_rows * row_runs;
    let mine = divide(linear_workgroup(workgroup, grid), (runs + 63u) / 64u);
    // What is beyond the last group or run does that and is not stored.
    let group = params.group_first + min(mine.x, params.groups - 1u);
    let run = divide(min(mine.y * 64u + local, runs - 1u), row_runs);
    let row = params.out_row_first + run.x;
    let out = divide(row, params.out_height);
    let x = 4u * run.y;
    let start = window(out.x, vec2<u32>(out.y, x));

    let row_quads = params.kernel_height * params.kernel_width * params.quads_per_group;
    // Rows that there are not repeat the last.
    let weights = quad_place(group, min(lane % 4u, params.rows - 1u), 0u, params.rows, row_quads);
    let shared_taps = params.stride_x == params.dilation_x;
    var sums = mat4x4<f32>();
    for (var tap_y = 0u; tap_y < params.kernel_height; tap_y++) {
        let dy = i32(tap_y * params.dilation_y);
        for (var i = 0u; i < params.quads_per_group; i++) {
            let quad = group * params.quads_per_group + i;
            var four = load_four(start, dy, -i32(params.dilation_x), quad);
            for (var tap_x = 0u; tap_x < params.kernel_width; tap_x++) {
                let dx = i32(tap_x * params.dilation_x);
                if shared_taps {
                    four = Four(four.p1, four.p2, four.p3, load(start, dy, dx + 3 * i32(params.stride_x), quad));
                } else {
                    four = load_four(start, dy, dx, quad);
                }
                let tap = tap_y * params.kernel_width + tap_x;
                let own = textureLoad(weight, texel(weights + (tap * params.quads_per_group + i) * NEXT_QUAD));
                let channels = transpose(mat4x4<f32>(four.p0.value, four.p1.value, four.p2.value, four.p3.value));
                let inside = vec4<bool>(four.p0.inside, four.p1.inside, four.p2.inside, four.p3.inside);
                sums[0] += product(subgroupBroadcast(own, 0u), channels, inside);
                if params.rows > 1u {
                    sums[1] += product(subgroupBroadcast(own, 1u), channels, inside);
                }
                if params.rows > 2u {
                    sums[2] += product(subgroupBroadcast(own, 2u), channels, inside);
                }
                if params.rows > 3u {
                    sums[3] += product(subgroupBroadcast(own, 3u), channels, inside);
                }
            }
        }
    }
    if mine.x >= params.groups || mine.y * 64u + local >= runs {
        return;
    }
    for (var i = 0u; i < params.rows; i++) {
        let channel = group * params.rows + i;
        let biased = params.biased != 0u;
        let base = select(0.0, bias[select(0u, params.bias_first + channel, biased)], biased);
        let place = params.output_first + out.x * params.output_image + channel * params.output_plane
            + out.y * params.out_width;
        for (var k = 0u; k < 4u; k++) {
            if x + k >= params.out_width || row * params.out_width + x + k - params.pixel_first >= params.pixels {
                continue;
            }
            var held = 0.0;
            if params.accumulate != 0u {
                held = output[place + x + k];
            }
            output[place + x + k] = held + (base + sums[i][k]);
        }
    }
}
