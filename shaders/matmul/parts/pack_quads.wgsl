// Rows of a matrix that are packed in quads: their elements lie side by side, and all is a multiple of four.
@group(0) @binding(1) var<storage, read> matrix: array<vec4<f32>>;

// Four k of the row that starts at an element.
fn load_four(start: u32, first: u32) -> vec4<f32> {
    return matrix[(start + first) / 4u];
}
