// Entries of tables as they are loaded: two words of 64 bits, for adapters on which a load costs the more the more components it has.
alias QuadBits = vec2<u64>;

fn unpack_bits(quad: QuadBits) -> vec4<u32> {
    let low = vec2<u32>(quad);
    let high = vec2<u32>(quad >> vec2<u32>(32u));
    return vec4<u32>(low.x, high.x, low.y, high.y);
}
