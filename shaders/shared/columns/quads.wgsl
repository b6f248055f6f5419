// Columns in whole quads of channels, (group, pixel, quad), a pixel's quads by tap and quad of the group: what the matrix product reads.
//
// A run is its first quad, its offset group, its channels and quads (256 channels + quads), its group.

// Where the columns of a run start, of a tap of a pixel.
fn columns_start(pixel: u32, tap: u32, run: vec4<u32>) -> u32 {
    let quad = tap * params.window.quads_per_group + run.x - run.w * params.window.quads_per_group;
    return quad_address(run.w, pixel, quad, params.window.pixels, params.window.taps * params.window.quads_per_group);
}

fn run_quads(run: vec4<u32>) -> u32 {
    return run.z % 256u;
}

// Stores the i-th quad of a run; 0 in the lanes beyond its channels, even where 0 times the mask is not 0.
fn store_columns(start: u32, run: vec4<u32>, i: u32, value: vec4<f32>) {
    let exists = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(run.z / 256u);
    store_quad(start + i * NEXT_QUAD, select(vec4<f32>(0.0), value, exists));
}
