// The columns of a convolution: for each output pixel, the inputs under each tap of its window; 0 in the padding.
//
// Bindings and items: shared/columns/columns.wgsl.

@compute @workgroup_size(64)
fn im2col(
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
    let extent = vec2<i32>(i32(params.window.height), i32(params.window.width));
    let out_pixel = divide(params.window.pixel_first + mine.pixel, params.window.out_pixels);
    let start = window_start(out_pixel.y);
    let image = out_pixel.x * params.window.height * params.window.width - params.window.band_first;
    var tap = mine.tap_first;
    var in_window = tap_in_window(tap);
    loop {
        let base = tap_position(start, in_window);
        let at = vec2<u32>(clamp(base, vec2<i32>(0), extent - 1));
        let in_band = image + at.x * params.window.width + at.y;
        let inside = all((base >= vec2<i32>(0)) & (base < extent)) && in_band < params.window.band_pixels;

        let columns = columns_start(mine.pixel, tap, run);
        let source = quad_address(0u, select(0u, in_band, inside), run.x, 0u, params.window.quads);
        var i = 0u;
        loop {
            store_columns(columns, run, i, select(vec4<f32>(0.0), load_packed(source + i * NEXT_QUAD), inside));
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
