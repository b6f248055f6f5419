// A quad of channels as it is loaded: two u64, for adapters on which a load costs the more the more components it has.
alias Quad = vec2<u64>;

fn unpack_quad(quad: Quad) -> vec4<f32> {
    let low = vec2<u32>(quad);
    let high = vec2<u32>(quad >> vec2<u32>(32u));
    return bitcast<vec4<f32>>(vec4<u32>(low.x, high.x, low.y, high.y));
}
