// Gradients of the output, or of samples, in lanes in a buffer.
@group(0) @binding(2) var<storage, read> grad_output: array<Lanes>;

fn load_grad_output(address: u32) -> Lanes {
    return grad_output[address];
}
