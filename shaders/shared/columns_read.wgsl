// Gradients of columns, (group, row, quad of the group), that are read and left alone.
@group(0) @binding(2) var<storage, read> columns: array<Quad>;

fn keep_column(at: u32, value: vec4<f32>) {}
