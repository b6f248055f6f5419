// A plain convolution without columns, for groups of at most four output channels: a product that narrow costs less than storing what it reads.
//
// packed  shared/direct.wgsl
// weight  (group, row of the group, quad) quads, a row's by tap and quad of the group: pack_weight.wgsl
// bias    element (group, row) is bias_first + group * rows + row; not used where biased is 0
// output  element (image, group, row, pixel) is output_first + image * output_image + (group * rows + row) * output_plane + pixel, wrapping;
//         where accumulate is 1, what it holds is added to
//
// A dispatch does `pixels` output pixels, numbered over all images from pixel_first on, of each of some groups, from group_first on. One
// invocation does four pixels, 64 apart, of one group. Terms are added up in the order of a matrix product: shared/subgroup_tile.wgsl. What
// lies outside the image counts 0 times the weight where padded is 1, and else nothing, whatever the weight.

struct Params {
    pixel_first: u32,
    pixels: u32,
    out_width: u32,
    out_pixels: u32,
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

fn window_of(pixel: u32) -> Window {
    let by_image = divide(params.pixel_first + pixel, params.out_pixels);
    return window(by_image.x, divide(by_image.y, params.out_width));
}

// Four k of four rows times those of one pixel.
fn product(rows: mat4x4<f32>, loaded: Loaded) -> vec4<f32> {
    let value = loaded.value;
    let terms = rows[0] * value.x + rows[1] * value.y + rows[2] * value.z + rows[3] * value.w;
    return select(vec4<f32>(0.0), terms, loaded.inside || params.padded != 0u);
}

fn store(pixel: u32, group: u32, sums: vec4<f32>) {
    if pixel >= params.pixels {
        return;
    }
    let at = divide(params.pixel_first + pixel, params.out_pixels);
    for (var row = 0u; row < params.rows; row++) {
        let channel = group * params.rows + row;
        let biased = params.biased != 0u;
        let base = select(0.0, bias[select(0u, params.bias_first + channel, biased)], biased);
        let sum = select(select(sums.x, sums.y, row == 1u), select(sums.z, sums.w, row == 3u), row > 1u);
        let place = params.output_first + at.x * params.output_image + channel * params.output_plane + at.y;
        var held = 0.0;
        if params.accumulate != 0u {
            held = output[place];
        }
        output[place] = held + (base + sum);
    }
}

@compute @workgroup_size(64)
fn conv2d_direct(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid), (params.pixels + 255u) / 256u);
    if mine.x >= params.groups {
        return;
    }
    let group = params.group_first + mine.x;
    let first = mine.y * 256u + lane;
    let last = params.pixels - 1u;
    // What is beyond the last pixel does that and is not stored.
    let window_0 = window_of(min(first, last));
    let window_1 = window_of(min(first + 64u, last));
    let window_2 = window_of(min(first + 128u, last));
    let window_3 = window_of(min(first + 192u, last));
    let row_quads = params.kernel_height * params.kernel_width * params.quads_per_group;
    // Rows that there are not repeat the last.
    let rows = min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.rows - 1u));
    var at = vec4<u32>(
        quad_place(group, rows.x, 0u, params.rows, row_quads),
        quad_place(group, rows.y, 0u, params.rows, row_quads),
        quad_place(group, rows.z, 0u, params.rows, row_quads),
        quad_place(group, rows.w, 0u, params.rows, row_quads),
    );
    var sums_0 = vec4<f32>(0.0);
    var sums_1 = vec4<f32>(0.0);
    var sums_2 = vec4<f32>(0.0);
    var sums_3 = vec4<f32>(0.0);
    for (var tap_y = 0u; tap_y < params.kernel_height; tap_y++) {
        let dy = i32(tap_y * params.dilation_y);
        for (var tap_x = 0u; tap_x < params.kernel_width; tap_x++) {
            let dx = i32(tap_x * params.dilation_x);
            for (var i = 0u; i < params.quads_per_group; i++) {
                let quad = group * params.quads_per_group + i;
                let weights = transpose(mat4x4<f32>(
                    textureLoad(weight, texel(at.x)),
                    textureLoad(weight, texel(at.y)),
                    textureLoad(weight, texel(at.z)),
                    textureLoad(weight, texel(at.w)),
                ));
                sums_0 += product(weights, load(window_0, dy, dx, quad));
                sums_1 += product(weights, load(window_1, dy, dx, quad));
                sums_2 += product(weights, load(window_2, dy, dx, quad));
                sums_3 += product(weights, load(window_3, dy, dx, quad));
                at += vec4<u32>(NEXT_QUAD);
            }
        }
    }
    store(first, group, sums_0);
    store(first + 64u, group, sums_1);
    store(first + 128u, group, sums_2);
    store(first + 192u, group, sums_3);
}
