// A quad of channels as it is loaded: four f32.
alias Quad = vec4<f32>;

fn unpack_quad(quad: Quad) -> vec4<f32> {
    return quad;
}
