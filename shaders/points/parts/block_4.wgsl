// Quads that an invocation of point_sums_direct.wgsl does at a time: four, one behind another.
alias Block = mat4x4<f32>;
const BLOCK = 4u;

// The sums with a pixel's quads added, the first of which lies at an address, times a factor, where they count.
fn with_pixel(sums: Block, counts: bool, factor: f32, address: u32) -> Block {
    return Block(
        sums[0] + select(vec4<f32>(0.0), factor * load_value(address), counts),
        sums[1] + select(vec4<f32>(0.0), factor * load_value(address + 1u), counts),
        sums[2] + select(vec4<f32>(0.0), factor * load_value(address + 2u), counts),
        sums[3] + select(vec4<f32>(0.0), factor * load_value(address + 3u), counts),
    );
}

fn store_block(to: u32, sums: Block, adds: bool) {
    output[to] = sums[0] + select(vec4<f32>(0.0), output[to], adds);
    output[to + 1u] = sums[1] + select(vec4<f32>(0.0), output[to + 1u], adds);
    output[to + 2u] = sums[2] + select(vec4<f32>(0.0), output[to + 2u], adds);
    output[to + 3u] = sums[3] + select(vec4<f32>(0.0), output[to + 3u], adds);
}
