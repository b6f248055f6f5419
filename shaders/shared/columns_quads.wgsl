// Columns in whole quads of channels, (group, pixel, tap, quad): what the matrix product reads.
@group(0) @binding(2) var<storage, read_write> columns: array<vec4<f32>>;

fn store_columns(pixel: u32, tap: u32, quad: u32, channel: u32, channels: u32, value: vec4<f32>) {
    let group = quad / params.quads_per_group;
    let row = group * params.pixels + pixel;
    columns[(row * params.taps + tap) * params.quads_per_group + quad % params.quads_per_group] = value;
}
