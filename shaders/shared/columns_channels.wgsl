// Columns of exactly the input's channels, (pixel, tap, channel): what a caller reads.
@group(0) @binding(2) var<storage, read_write> columns: array<f32>;

fn store_columns(pixel: u32, tap: u32, quad: u32, channel: u32, channels: u32, value: vec4<f32>) {
    let start = params.columns_first + (pixel * params.taps + tap) * params.channels + channel;
    for (var lane = 0u; lane < channels; lane++) {
        columns[start + lane] = value[lane];
    }
}
