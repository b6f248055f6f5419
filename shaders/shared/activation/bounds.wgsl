// The functions that kernels of adapters that run on the CPU end with: none, and bounds. Chosen without a branch, since lavapipe does both sides of one,
// and what takes more than two comparisons would cost each product as much as a step of its depth.

fn activated(x: f32, activation: Activation) -> f32 {
    return select(x, clip(x, activation.alpha, activation.beta), activation.function == CLIP);
}
