// Columns in whole quads of channels, (group, pixel, tap, quad of the group): what the matrix product reads.
//
// A run is its first quad, its offset group, its channels and quads (256 channels + quads), its group.
@group(0) @binding(2) var<storage, read_write> columns: array<Quad>;

// Where the columns of a run start.
fn columns_start(mine: Share, run: vec4<u32>) -> u32 {
    let row = (run.w * params.pixels + mine.pixel) * params.taps + mine.tap;
    return (row - run.w) * params.quads_per_group + run.x;
}

fn run_quads(run: vec4<u32>) -> u32 {
    return run.z % 256u;
}

// Stores the i-th quad of a run; 0 in the lanes beyond its channels, even where 0 times the mask is not 0.
fn store_columns(start: u32, run: vec4<u32>, i: u32, value: vec4<f32>) {
    let exists = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(run.z / 256u);
    let column = select(vec4<f32>(0.0), value, exists);
    if params.accumulate == 0u {
        columns[start + i] = pack_quad(column);
    } else {
        columns[start + i] = pack_quad(unpack_quad(columns[start + i]) + column);
    }
}
