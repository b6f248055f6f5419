// A plain convolution by subgroups: the product of the weight with columns that are read from the packed images as they are needed, and never
// stored.
//
// weight  a, along its rows, which go by tap and quad: matmul/subgroup/a_along.wgsl
// packed  (pixel of all images, quad) quads of channels, in panels, from pixel band_first on; pixel zero_row, counted from there, holds nothing but 0
// bias, output                    matmul/parts/matmul.wgsl
//
// Tile, rows and stores: matmul/subgroup/tile.wgsl. A batch is a group, from group_first on; a column is an output pixel. A tap outside the image is read from
// zero_row, so that the terms, and their order, are those of a product with columns.

struct Params {
    window: Window,
    end: End,
    rows: u32,
    columns: u32,
    depth: u32,
    batch: u32,
    a_first: u32,
    a_batch: u32,
    a_row: u32,
    a_quad: u32,
    a_quads: u32,
    group_first: u32,
    zero_row: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var packed: texture_storage_2d<rgba32float, read>;

fn b_within(i: u32, invocation: u32) -> u32 {
    return 4u * invocation + i;
}

// Where the windows of four output pixels begin, and their images.
struct Pixels {
    y: vec4<i32>,
    x: vec4<i32>,
    image: vec4<u32>,
}

// One output pixel: where its window begins, and the first pixel of its image. Those beyond the last do as the last.
fn pixel_of(column: u32) -> vec3<u32> {
    let by_image = divide(params.window.pixel_first + min(column, params.columns - 1u), params.window.out_pixels);
    let by_row = divide(by_image.y, params.window.out_width);
    let y = by_row.x * params.window.stride_y - params.window.padding_top;
    let x = by_row.y * params.window.stride_x - params.window.padding_left;
    return vec3<u32>(y, x, by_image.x * params.window.height * params.window.width - params.window.band_first);
}

// The four columns of this invocation from one on.
fn pixels_of(column: u32) -> Pixels {
    let p0 = pixel_of(column);
    let p1 = pixel_of(column + 1u);
    let p2 = pixel_of(column + 2u);
    let p3 = pixel_of(column + 3u);
    return Pixels(
        bitcast<vec4<i32>>(vec4<u32>(p0.x, p1.x, p2.x, p3.x)),
        bitcast<vec4<i32>>(vec4<u32>(p0.y, p1.y, p2.y, p3.y)),
        vec4<u32>(p0.z, p1.z, p2.z, p3.z),
    );
}

// Where the first quads of a group lie, of the pixels under one tap.
fn tap_start(pixels: Pixels, tap: vec2<u32>, quad: u32) -> vec4<u32> {
    let y = pixels.y + vec4<i32>(i32(tap.x * params.window.dilation_y));
    let x = pixels.x + vec4<i32>(i32(tap.y * params.window.dilation_x));
    let height = vec4<i32>(i32(params.window.height));
    let width = vec4<i32>(i32(params.window.width));
    let inside = (y >= vec4<i32>(0)) & (y < height) & (x >= vec4<i32>(0)) & (x < width);
    let row = select(vec4<u32>(params.zero_row), pixels.image + bitcast<vec4<u32>>(y * width + x), inside);
    return (row / ROWS_TOGETHER * params.window.quads + quad) * ROWS_TOGETHER + row % ROWS_TOGETHER;
}

// Four channels of four columns; each channel is a column of the matrix.
fn columns_at(at: vec4<u32>) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(
        textureLoad(packed, texel(at.x)), textureLoad(packed, texel(at.y)), textureLoad(packed, texel(at.z)), textureLoad(packed, texel(at.w)),
    ));
}

@compute @workgroup_size(INVOCATIONS)
fn matmul_windows(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let start = tile_start(linear_workgroup(workgroup, grid), false);
    // Uniform over the workgroup.
    if start.x >= params.batch {
        return;
    }
    let rows = a_start(start.x, start.y + a_within(0u, lane));
    let left_pixels = pixels_of(start.z + b_within(0u, lane));
    let right_pixels = pixels_of(start.z + HALF + b_within(0u, lane));
    let first_quad = (params.group_first + start.x) * params.window.quads_per_group;

    var tile: Tile;
    let taps = no_uniform(params.window.taps);
    let quads = no_uniform(params.window.quads_per_group);
    var tap = vec2<u32>(0u);
    var k = 0u;
    var i = 0u;
    loop {
        var left = tap_start(left_pixels, tap, first_quad);
        var right = tap_start(right_pixels, tap, first_quad);
        var quad = 0u;
        loop {
            tile = add_tile(tile, a_rows(rows, k), columns_at(left), columns_at(right));
            left += NEXT_QUAD;
            right += NEXT_QUAD;
            k += 4u;
            quad++;
            if quad >= quads {
                break;
            }
        }
        let ends = tap.y + 1u == params.window.kernel_width;
        tap = select(tap + vec2<u32>(0u, 1u), vec2<u32>(tap.x + 1u, 0u), ends);
        i++;
        if i >= taps {
            break;
        }
    }
    store_tile(start, lane, tile);
}
