// Gradients of samples that a walk reads: four lanes, which lie output_plane elements apart, in a texture of elements.
@group(0) @binding(2) var grad_output: texture_storage_2d<r32float, read>;

fn load_element(address: u32) -> f32 {
    return textureLoad(grad_output, texel(address)).x;
}

fn load_grad_output(address: u32) -> Lanes {
    return vec4<f32>(
        load_element(address),
        load_element(address + params.output_plane),
        load_element(address + 2u * params.output_plane),
        load_element(address + 3u * params.output_plane),
    );
}
