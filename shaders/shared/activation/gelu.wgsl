// The GELU, which kernels of this variant end with, whatever the number of the function: elementwise/of_one/activation/gelu.wgsl.

fn activated(x: f32, activation: Activation) -> f32 {
    return gelu(x);
}
