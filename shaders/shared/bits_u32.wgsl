// Entries of tables as they are loaded: four words.
alias QuadBits = vec4<u32>;

fn unpack_bits(quad: QuadBits) -> vec4<u32> {
    return quad;
}
