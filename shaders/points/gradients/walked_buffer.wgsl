// Gradients of samples that a walk reads: lanes in a buffer.
@group(0) @binding(1) var<storage, read> grad_output: array<Lanes>;

fn load_grad_output(address: u32) -> Lanes {
    return grad_output[address];
}
