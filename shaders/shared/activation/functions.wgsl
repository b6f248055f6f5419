// The functions that kernels of GPUs end with. All invocations take the same branch. Each is computed as by elementwise/of_one/activation.

fn activated(x: f32, activation: Activation) -> f32 {
    switch activation.function {
        case CLIP: {
            return clip(x, activation.alpha, activation.beta);
        }
        case SIGMOID: {
            return exponential(x, false);
        }
        case SILU: {
            return silu(x);
        }
        case GELU: {
            return gelu(x);
        }
        default: {
            return x;
        }
    }
}
