// Columns in whole quads of channels, (group, pixel, tap, quad of the group): what the matrix product reads.
@group(0) @binding(2) var<storage, read_write> columns: array<vec4<f32>>;

// Where the columns of a run start.
fn columns_start(mine: Share, run: vec4<u32>) -> u32 {
    let group = run.x / params.quads_per_group;
    let row = (group * params.pixels + mine.pixel) * params.taps + mine.tap;
    return row * params.quads_per_group + run.x % params.quads_per_group;
}

// Stores the i-th quad of a run.
fn store_columns(start: u32, run: vec4<u32>, i: u32, value: vec4<f32>) {
    if params.accumulate == 0u {
        columns[start + i] = value;
    } else {
        columns[start + i] += value;
    }
}
