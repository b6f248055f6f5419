// A plain convolution without columns, for groups of at most four output channels: a product that narrow costs less than storing what it reads.
//
// packed  conv/direct/direct.wgsl
// weight  (group, row of the group, quad) quads, a row's by tap and quad of the group: pack_weight.wgsl
// bias    element (group, row) is bias_first + group * rows + row; not used where biased is 0
// output  bound for each row of a group, so that no binding has to show four planes; element (image, group, pixel) is output_first + image *
//         output_image + group * rows * output_plane + pixel, wrapping; where accumulate is 1, what it holds is added to; what is stored is put
//         through a function: shared/activation
//
// A dispatch does `pixels` output pixels, numbered over all images from pixel_first on, of each of some groups, from group_first on. They lie in
// out_rows rows, numbered over all images too, from out_row_first on. One invocation does eight pixels side by side of one group. Terms are
// added up by row of the kernel, quad and column. What lies outside the image counts 0 times the weight where padded is 1, and else nothing,
// whatever the weight.
//
// For subgroups of at least 4 on a CPU: lane % 4 says which row of the weight an invocation loads for all. What differs between variants is known to the
// compiler, since lavapipe does both sides of a branch: conv/direct/direct_taps_*.wgsl, conv/direct/direct_rows_*.wgsl.

struct Params {
    window: Window,
    activation: Activation,
    out_row_first: u32,
    out_rows: u32,
    group_first: u32,
    groups: u32,
    rows: u32,
    padded: u32,
    accumulate: u32,
    biased: u32,
    bias_first: u32,
    output_first: u32,
    output_1_first: u32,
    output_2_first: u32,
    output_3_first: u32,
    output_image: u32,
    output_plane: u32,
}

@group(0) @binding(2) var weight: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;

// One tap of four pixels.
struct Four {
    p0: Loaded,
    p1: Loaded,
    p2: Loaded,
    p3: Loaded,
}

fn load_four(start: Start, dy: i32, dx: i32, quad: u32) -> Four {
    let stride = i32(params.window.stride_x);
    return Four(
        load(start, dy, dx, quad),
        load(start, dy, dx + stride, quad),
        load(start, dy, dx + 2 * stride, quad),
        load(start, dy, dx + 3 * stride, quad),
    );
}

fn next_of(four: Four, next: Loaded) -> Four {
    return Four(four.p1, four.p2, four.p3, next);
}

// Four channels of a row of the weight times those of four pixels.
fn product(row: vec4<f32>, four: Four) -> vec4<f32> {
    let channels = transpose(mat4x4<f32>(four.p0.value, four.p1.value, four.p2.value, four.p3.value));
    let terms = row.x * channels[0] + row.y * channels[1] + row.z * channels[2] + row.w * channels[3];
    let inside = vec4<bool>(four.p0.inside, four.p1.inside, four.p2.inside, four.p3.inside);
    return select(vec4<f32>(0.0), terms, inside | vec4<bool>(params.padded != 0u));
}

// The sums of a row of the weight.
struct Sums {
    left: vec4<f32>,
    right: vec4<f32>,
}

fn add_product(sums: Sums, row: vec4<f32>, left: Four, right: Four) -> Sums {
    return Sums(sums.left + product(row, left), sums.right + product(row, right));
}

// The same without the first pixel.
fn without_first(sums: Sums) -> Sums {
    return Sums(vec4<f32>(sums.left.yzw, sums.right.x), sums.right.yzww);
}

fn bias_of(channel: u32) -> f32 {
    let biased = params.biased != 0u;
    return select(0.0, bias[select(0u, params.bias_first + channel, biased)], biased);
}

@compute @workgroup_size(64)
fn conv2d_direct(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row_runs = (params.window.out_width + 7u) / 8u;
    let runs = params.out_rows * row_runs;
    let mine = divide(linear_workgroup(workgroup, grid), (runs + 63u) / 64u);
    // What is beyond the last group or run does that and is not stored.
    let group = params.group_first + min(mine.x, params.groups - 1u);
    let run = divide(min(mine.y * 64u + local, runs - 1u), row_runs);
    let row = params.out_row_first + run.x;
    let out = divide(row, params.window.out_height);
    let x = 8u * run.y;
    let start = window(out.x, vec2<u32>(out.y, x));

    let row_quads = params.window.kernel_height * params.window.kernel_width * params.window.quads_per_group;
    // Rows that there are not repeat the last.
    let weights = quad_address(group, min(lane % 4u, params.rows - 1u), 0u, params.rows, row_quads);
    let stride = i32(params.window.stride_x);
    var sums_0 = Sums();
    var sums_1 = Sums();
    var sums_2 = Sums();
    var sums_3 = Sums();
    var tap_y = 0u;
    loop {
        let dy = i32(tap_y * params.window.dilation_y);
        var i = 0u;
        loop {
            let quad = group * params.window.quads_per_group + i;
            var left = load_four(start, dy, -stride, quad);
            var right = load_four(start, dy, 3 * stride, quad);
            var tap_x = 0u;
            loop {
                let dx = i32(tap_x * params.window.dilation_x);
                if SHARED_TAPS {
                    left = next_of(left, right.p0);
                    right = next_of(right, load(start, dy, dx + 7 * stride, quad));
                } else {
                    left = load_four(start, dy, dx, quad);
                    right = load_four(start, dy, dx + 4 * stride, quad);
                }
                let tap = tap_y * params.window.kernel_width + tap_x;
                let own = textureLoad(weight, texel(weights + (tap * params.window.quads_per_group + i) * NEXT_QUAD));
                sums_0 = add_product(sums_0, subgroupBroadcast(own, 0u), left, right);
                if ROWS > 1u {
                    sums_1 = add_product(sums_1, subgroupBroadcast(own, 1u), left, right);
                    sums_2 = add_product(sums_2, subgroupBroadcast(own, 2u), left, right);
                    sums_3 = add_product(sums_3, subgroupBroadcast(own, 3u), left, right);
                }
                tap_x++;
                if tap_x >= params.window.kernel_width {
                    break;
                }
            }
            i++;
            if i >= params.window.quads_per_group {
                break;
            }
        }
        tap_y++;
        if tap_y >= params.window.kernel_height {
            break;
        }
    }
    if mine.x >= params.groups || mine.y * 64u + local >= runs {
        return;
    }
    // The columns of the row that the dispatch does.
    let before = row * params.window.out_width;
    let columns = vec2<u32>(
        max(params.window.pixel_first, before) - before,
        min(params.window.pixel_first + params.window.pixels - before, params.window.out_width),
    );
    let channel = group * params.rows;
    let last = params.rows - 1u;
    let bases = vec4<f32>(
        bias_of(channel),
        bias_of(channel + min(1u, last)),
        bias_of(channel + min(2u, last)),
        bias_of(channel + last),
    );
    let offset = out.x * params.output_image + channel * params.output_plane + out.y * params.window.out_width;
    var i = x;
    loop {
        if i >= columns.x && i < columns.y {
            store(offset + i, bases + vec4<f32>(sums_0.left.x, sums_1.left.x, sums_2.left.x, sums_3.left.x));
        }
        sums_0 = without_first(sums_0);
        sums_1 = without_first(sums_1);
        sums_2 = without_first(sums_2);
        sums_3 = without_first(sums_3);
        i++;
        if i >= x + 8u {
            break;
        }
    }
}
