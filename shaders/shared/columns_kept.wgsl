// Gradients of columns, (group, row, quad of the group); the column itself takes the place of each once that has been read.
@group(0) @binding(2) var<storage, read_write> columns: array<Quad>;

fn keep_column(at: u32, value: vec4<f32>) {
    columns[at] = pack_quad(value);
}
