// Quads as they are loaded: two words of 64 bits, for adapters on which a load costs the more the more components it has.
alias Quad = vec2<u64>;
alias QuadBits = vec2<u64>;

fn unpack_quad(quad: Quad) -> vec4<f32> {
    return bitcast<vec4<f32>>(unpack_bits(quad));
}

fn unpack_bits(quad: QuadBits) -> vec4<u32> {
    let low = vec2<u32>(quad);
    let high = vec2<u32>(quad >> vec2<u32>(32u));
    return vec4<u32>(low.x, high.x, low.y, high.y);
}

fn pack_quad(value: vec4<f32>) -> Quad {
    let bits = bitcast<vec4<u32>>(value);
    return vec2<u64>(bits.xz) | (vec2<u64>(bits.yw) << vec2<u32>(32u));
}
