// Columns of exactly the input's channels, (pixel, tap, channel): what a caller reads.
//
// A run is its first quad, its offset group, its channels, its first channel.
@group(0) @binding(1) var<storage, read_write> columns: array<f32>;

// Where the columns of a run start, of a tap of a pixel.
fn columns_start(pixel: u32, tap: u32, run: vec4<u32>) -> u32 {
    return params.columns_first + (pixel * params.window.taps + tap) * params.channels + run.w;
}

fn run_quads(run: vec4<u32>) -> u32 {
    return (run.z + 3u) / 4u;
}

// Stores the i-th quad of a run: the channels that it has.
fn store_columns(start: u32, run: vec4<u32>, i: u32, value: vec4<f32>) {
    let end = min(4u * i + 4u, run.z);
    var channel = 4u * i;
    loop {
        if params.accumulate == 0u {
            columns[start + channel] = value[channel % 4u];
        } else {
            columns[start + channel] += value[channel % 4u];
        }
        channel++;
        if channel >= end {
            break;
        }
    }
}
