// Gradients of points that are kept, for the sums over several bands and channels that come in several dispatches: (image, query, head, point), dense.
//
// Until the last of these, the fourth component says which of the first two have terms.
@group(0) @binding(3) var<storage, read_write> gradients: array<vec4<f32>>;

fn gradients_before(point: vec4<u32>) -> vec4<f32> {
    return select(vec4<f32>(0.0), gradients[number_of(point)], params.accumulate != 0u);
}

fn put_gradients(point: vec4<u32>, sums: vec4<f32>, done: vec3<f32>) {
    gradients[number_of(point)] = select(sums, vec4<f32>(done, 0.0), params.last != 0u);
}
