// Columns of a deformable window: matmul/matmul_windows.wgsl.
//
// points  offsets and masks: shared/panels/offsets.wgsl
@group(0) @binding(5) var points: texture_storage_2d<r32float, read>;

// The addresses of the four neighbours of a sample, all bits where these have a next quad, and their weights times the sample's mask. One that does not
// count has zeros.
struct Source {
    at: vec4<u32>,
    goes_on: vec4<u32>,
    weight: vec4<f32>,
}

// Those under a tap of four windows.
struct Sources {
    s0: Source,
    s1: Source,
    s2: Source,
    s3: Source,
}

fn sources(windows: Starts, tap: vec2<u32>, number: u32, quad: u32) -> Sources {
    let point = quad / params.offset_group_quads * params.window.taps + number;
    return Sources(
        source(tap_position(vec2<i32>(windows.y.x, windows.x.x), tap), windows.image.x, windows.out_pixel.x, point, quad),
        source(tap_position(vec2<i32>(windows.y.y, windows.x.y), tap), windows.image.y, windows.out_pixel.y, point, quad),
        source(tap_position(vec2<i32>(windows.y.z, windows.x.z), tap), windows.image.z, windows.out_pixel.z, point, quad),
        source(tap_position(vec2<i32>(windows.y.w, windows.x.w), tap), windows.image.w, windows.out_pixel.w, point, quad),
    );
}

fn source(base: vec2<i32>, image: u32, out_pixel: u32, point: u32, quad: u32) -> Source {
    let near = modulated_neighbours(base, image, out_pixel, point);
    let pixel = packed_start(vec4<u32>(image)) + near.pixel;
    let counts = near.weight != vec4<f32>(0.0);
    let at = select(vec4<u32>(params.zero), packed_address(pixel, quad), counts);
    return Source(at, select(vec4<u32>(0u), vec4<u32>(0xffffffffu), counts), near.weight);
}

// Four channels of four columns; each channel is a column of the matrix.
fn columns_at(sources: Sources, next: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(
        sample(sources.s0, next), sample(sources.s1, next), sample(sources.s2, next), sample(sources.s3, next),
    ));
}

fn sample(source: Source, next: u32) -> vec4<f32> {
    let at = source.at + (source.goes_on & vec4<u32>(next));
    var value = source.weight.x * load_packed(at.x);
    value += source.weight.y * load_packed(at.y);
    value += source.weight.z * load_packed(at.z);
    value += source.weight.w * load_packed(at.w);
    return value;
}
