// The columns of a deformable convolution: for each output pixel, the bilinear sample that each tap of its window takes at its
// regular place plus its offset, times its mask.
//
// Bindings and items: shared/columns/columns.wgsl. Offsets and masks: sample/parts/columns_offsets_buffer.wgsl, columns_offsets_texture.wgsl.

@compute @workgroup_size(64)
fn deform_im2col(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = item(linear_workgroup(workgroup, grid) * 64u + lane);
    if !mine.exists {
        return;
    }
    let run = table_entry(mine.run);
    let quads = run_quads(run);
    let out_pixel = divide(params.window.pixel_first + mine.pixel, params.window.out_pixels);
    let start = window_start(out_pixel.y);
    var tap = mine.tap_first;
    var in_window = tap_in_window(tap);
    loop {
        let at = run.y * params.window.taps + tap - params.offsets.point_first;
        let near = modulated_neighbours(tap_position(start, in_window), out_pixel.x, out_pixel.y, at);
        let in_band = near.pixel + out_pixel.x * params.window.height * params.window.width - params.window.band_first;
        let weight = select(vec4<f32>(0.0), near.weight, in_band < vec4<u32>(params.window.band_pixels));
        let counts = weight != vec4<f32>(0.0);
        let pixel = select(vec4<u32>(0u), in_band, counts);
        let source = vec4<u32>(
            quad_address(0u, pixel.x, run.x, 0u, params.window.quads),
            quad_address(0u, pixel.y, run.x, 0u, params.window.quads),
            quad_address(0u, pixel.z, run.x, 0u, params.window.quads),
            quad_address(0u, pixel.w, run.x, 0u, params.window.quads),
        );

        let columns = columns_start(mine.pixel, tap, run);
        var i = 0u;
        loop {
            var value = weight.x * select(vec4<f32>(0.0), load_packed(source.x + i * NEXT_QUAD), counts.x);
            value += weight.y * select(vec4<f32>(0.0), load_packed(source.y + i * NEXT_QUAD), counts.y);
            value += weight.z * select(vec4<f32>(0.0), load_packed(source.z + i * NEXT_QUAD), counts.z);
            value += weight.w * select(vec4<f32>(0.0), load_packed(source.w + i * NEXT_QUAD), counts.w);
            store_columns(columns, run, i, value);
            i++;
            if i >= quads {
                break;
            }
        }
        in_window = next_tap(in_window);
        tap++;
        if tap >= mine.tap_end {
            break;
        }
    }
}
