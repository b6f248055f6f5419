// A convolution by subgroups: the product of the weight with columns that are made from the packed images as they are needed, and never stored.
//
// weight  a, along its rows, which go by tap and quad: matmul/subgroup/a_along.wgsl
// packed  (pixel of all images, quad) quads of channels, in panels, from pixel band_first on, and at address `zero` a quad of zeros:
//         shared/panels/packed.wgsl
// bias, output                    matmul/parts/matmul.wgsl
//
// Tile, rows and stores: matmul/subgroup/tile.wgsl. A batch is a group, from group_first on; a column is an output pixel. A group's quads are sampled in
// runs of run_quads, each of which has one offset group, as have offset_group_quads that follow one another: matmul/windows/plain.wgsl, deformable.wgsl.

struct Params {
    window: Window,
    offsets: Offsets,
    end: End,
    border: u32,
    modulated: u32,
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
    zero: u32,
    run_quads: u32,
    offset_group_quads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

fn b_within(i: u32, invocation: u32) -> u32 {
    return 4u * invocation + i;
}

// Four output pixels, the images that they are of, and where their windows start.
struct Starts {
    image: vec4<u32>,
    out_pixel: vec4<u32>,
    y: vec4<i32>,
    x: vec4<i32>,
}

// Those of the four columns from one on. What lies beyond the last does as the last.
fn window_starts(column: u32) -> Starts {
    let pixels = params.window.pixel_first + min(vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.columns - 1u));
    let p0 = divide(pixels.x, params.window.out_pixels);
    let p1 = divide(pixels.y, params.window.out_pixels);
    let p2 = divide(pixels.z, params.window.out_pixels);
    let p3 = divide(pixels.w, params.window.out_pixels);
    let s0 = window_start(p0.y);
    let s1 = window_start(p1.y);
    let s2 = window_start(p2.y);
    let s3 = window_start(p3.y);
    return Starts(
        vec4<u32>(p0.x, p1.x, p2.x, p3.x),
        vec4<u32>(p0.y, p1.y, p2.y, p3.y),
        vec4<i32>(s0.x, s1.x, s2.x, s3.x),
        vec4<i32>(s0.y, s1.y, s2.y, s3.y),
    );
}

// The first packed pixels of images; wraps where they begin before the band.
fn packed_start(image: vec4<u32>) -> vec4<u32> {
    return image * params.window.height * params.window.width - params.window.band_first;
}

// Where a quad of packed pixels lies.
fn packed_address(pixel: vec4<u32>, quad: u32) -> vec4<u32> {
    return (pixel / ROWS_TOGETHER * params.window.quads + quad) * ROWS_TOGETHER + pixel % ROWS_TOGETHER;
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
    let left = window_starts(start.z + b_within(0u, lane));
    let right = window_starts(start.z + HALF + b_within(0u, lane));
    let group_quad = (params.group_first + start.x) * params.window.quads_per_group;

    var tile: Tile;
    let taps = no_uniform(params.window.taps);
    let quads = no_uniform(params.window.quads_per_group);
    let run_quads = no_uniform(params.run_quads);
    var tap = vec2<u32>(0u);
    var k = 0u;
    var i = 0u;
    loop {
        var quad = 0u;
        loop {
            let left_sources = sources(left, tap, i, group_quad + quad);
            let right_sources = sources(right, tap, i, group_quad + quad);
            var next = 0u;
            loop {
                let left_columns = columns_at(left_sources, next * NEXT_QUAD);
                let right_columns = columns_at(right_sources, next * NEXT_QUAD);
                tile = add_tile(tile, a_rows(rows, k), left_columns, right_columns);
                k += 4u;
                next++;
                if next >= run_quads {
                    break;
                }
            }
            quad += run_quads;
            if quad >= quads {
                break;
            }
        }
        tap = next_tap(tap);
        i++;
        if i >= taps {
            break;
        }
    }
    store_tile(start, lane, tile);
}
