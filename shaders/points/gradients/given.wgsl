// Gradients of points where their tensors want them, of all bands and channels: as positions and weights lie, but from other elements on. Each is
// added to what its tensor holds where positions_add or weights_add is 1.
@group(0) @binding(3) var<storage, read_write> grad_positions: array<f32>;
@group(0) @binding(7) var<storage, read_write> grad_weights: array<f32>;

fn gradients_before(point: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(0.0);
}

fn put_gradients(point: vec4<u32>, sums: vec4<f32>, done: vec3<f32>) {
    let x = params.grad_positions_first + point.x * params.points.positions_image
        + point.y * params.points.positions_query + point.z * params.points.positions_head + 2u * point.w;
    let weight = params.grad_weights_first + point.x * params.points.weights_image
        + point.y * params.points.weights_query + point.z * params.points.weights_head + point.w;
    let adds = params.positions_add != 0u;
    grad_positions[x] = done.y + select(0.0, grad_positions[x], adds);
    grad_positions[x + 1u] = done.x + select(0.0, grad_positions[x + 1u], adds);
    grad_weights[weight] = done.z + select(0.0, grad_weights[weight], params.weights_add != 0u);
}
