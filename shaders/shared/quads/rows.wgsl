// Rows that are loaded in quads and read from any element on.

// The four elements from one of the first quad on.
fn four_from(within: u32, quad: vec4<f32>, next: vec4<f32>) -> vec4<f32> {
    let of_one = select(quad, vec4<f32>(quad.yzw, next.x), within == 1u);
    let of_two = select(of_one, vec4<f32>(quad.zw, next.xy), within == 2u);
    return select(of_two, vec4<f32>(quad.w, next.xyz), within == 3u);
}
