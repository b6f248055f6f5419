// The functions that kernels by subgroups end with: none, and bounds. Chosen without a branch, since lavapipe does both sides of one; an exponential would
// cost every product as much as dozens of elements of its depth.

fn activated(x: f32, activation: Activation) -> f32 {
    return select(x, clip(x, activation.alpha, activation.beta), activation.function == CLIP);
}

fn activated_four(x: vec4<f32>, activation: Activation) -> vec4<f32> {
    return vec4<f32>(activated(x.x, activation), activated(x.y, activation), activated(x.z, activation), activated(x.w, activation));
}
