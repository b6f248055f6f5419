// Quads that an invocation of point_sums_direct.wgsl does at a time: one.
alias Block = vec4<f32>;
const BLOCK = 1u;

// The sums with a pixel's quad added, which lies at an address, times a factor, where it counts.
fn with_pixel(sums: Block, counts: bool, factor: f32, address: u32) -> Block {
    return sums + select(vec4<f32>(0.0), factor * load_value(address), counts);
}

fn store_block(to: u32, sums: Block, adds: bool) {
    output[to] = sums + select(vec4<f32>(0.0), output[to], adds);
}
