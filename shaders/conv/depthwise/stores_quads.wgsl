// Stores of pixels of rows of whole quads, four at once: conv/conv2d_depthwise.wgsl, conv2d_planes.wgsl, conv2d_stem.wgsl.
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

fn store(offset: u32, sums: vec4<f32>) {
    var held = vec4<f32>(0.0);
    if params.accumulate != 0u {
        held = output[offset / 4u];
    }
    output[offset / 4u] = activated_four(held + sums, params.activation);
}

// Stores the first `count` of eight sums side by side, four or all.
fn store_eight(offset: u32, count: u32, first: vec4<f32>, second: vec4<f32>) {
    store(offset, first);
    if count > 4u {
        store(offset + 4u, second);
    }
}
