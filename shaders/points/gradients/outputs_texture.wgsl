// Gradients of samples, in a texture of elements.
@group(0) @binding(2) var grad_output: texture_storage_2d<r32float, read>;

fn load_grad_output(address: u32) -> Lanes {
    return textureLoad(grad_output, texel(address)).x;
}
