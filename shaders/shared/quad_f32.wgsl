// Quads as they are loaded: four words.
alias Quad = vec4<f32>;
alias QuadBits = vec4<u32>;

fn unpack_quad(quad: Quad) -> vec4<f32> {
    return quad;
}

fn unpack_bits(quad: QuadBits) -> vec4<u32> {
    return quad;
}

fn pack_quad(value: vec4<f32>) -> Quad {
    return value;
}
