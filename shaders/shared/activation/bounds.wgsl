// None, or bounds: what functions of two tensors end with, and kernels that are no variant for another function. Chosen without a branch, since lavapipe does
// both sides of one.

fn activated(x: f32, activation: Activation) -> f32 {
    return select(x, clip(x, activation.alpha, activation.beta), activation.function == CLIP);
}
