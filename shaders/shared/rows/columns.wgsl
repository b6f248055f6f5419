// Columns that are stored in a buffer.
@group(0) @binding(1) var<storage, read_write> columns: array<vec4<f32>>;

fn store_quad(address: u32, value: vec4<f32>) {
    if params.accumulate == 0u {
        columns[address] = value;
    } else {
        columns[address] += value;
    }
}
