// The functions that kernels by subgroups end with: none, and bounds. Chosen without a branch, since lavapipe does both sides of one; an exponential would
// cost every product as much as dozens of elements of its depth.

fn activated(x: f32, activation: Activation) -> f32 {
    return select(x, clip(x, activation.alpha, activation.beta), activation.function == CLIP);
}
