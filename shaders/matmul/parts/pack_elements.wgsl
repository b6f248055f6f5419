// Rows of a matrix that are packed element by element.
@group(0) @binding(1) var<storage, read> matrix: array<f32>;

// Four k of the row that starts at an element, 0 beyond the depth.
fn load_four(start: u32, first: u32) -> vec4<f32> {
    let k = first + vec4<u32>(0u, 1u, 2u, 3u);
    let exists = k < vec4<u32>(params.depth);
    // What does not exist reads the row's first element, which is bound.
    let element = start + select(vec4<u32>(0u), k * params.depth_stride, exists);
    let value = vec4<f32>(matrix[element.x], matrix[element.y], matrix[element.z], matrix[element.w]);
    return select(vec4<f32>(0.0), value, exists);
}
