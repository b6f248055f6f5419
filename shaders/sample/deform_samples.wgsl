// Where the samples of a deformable convolution lie: sample/parts/samples.wgsl, shared/rows/made.wgsl.
//
// Offsets and masks: sample/parts/samples_offsets_buffer.wgsl, samples_offsets_texture.wgsl. One invocation does one sampling point of one output pixel of the strip.

@group(0) @binding(1) var<storage, read_write> cells: array<u32>;

@compute @workgroup_size(64)
fn deform_samples(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.window.pixels);
    if mine.x >= params.offsets.points {
        return;
    }
    let point = divide(params.offsets.point_first + mine.x, params.window.taps);
    let out_pixel = divide(params.window.pixel_first + mine.y, params.window.out_pixels);
    let extent = vec2<i32>(i32(params.window.height), i32(params.window.width));
    let base = tap_position(window_start(out_pixel.y), tap_in_window(point.y));
    let at = position(base, offset_bits(out_pixel.x, out_pixel.y, mine.x), extent, params.border);

    let cell = u32(at.y.low + 1) * (params.window.width + 1u) + u32(at.x.low + 1);
    let clamped = vec2<bool>(at.y.high == at.y.low, at.x.high == at.x.low);
    let fraction = select(vec2<f32>(at.y.fraction, at.x.fraction), vec2<f32>(0.0), clamped);
    var factor = 1.0;
    if params.modulated != 0u {
        factor = modulation(out_pixel.x, out_pixel.y, mine.x);
    }
    let sample = (point.x * params.window.pixels + mine.y) * params.window.taps + point.y;
    cells[sample] = select(NOWHERE, cell, at.inside);
    store_made(sample, vec4<f32>(fraction, factor, 0.0));
}
