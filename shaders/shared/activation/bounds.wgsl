// None, or bounds: what kernels by subgroups end with that are no variants for another function. Chosen without a branch, since lavapipe does both sides of
// one.

fn activated(x: f32, activation: Activation) -> f32 {
    return select(x, clip(x, activation.alpha, activation.beta), activation.function == CLIP);
}
