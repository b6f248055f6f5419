// Stores of pixels element by element: conv/conv2d_depthwise.wgsl.
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

fn store(offset: u32, sum: f32) {
    var held = 0.0;
    if params.accumulate != 0u {
        held = output[offset];
    }
    output[offset] = activated(held + sum, params.activation);
}

// Stores the first `count` of eight sums side by side.
fn store_eight(offset: u32, count: u32, first: vec4<f32>, second: vec4<f32>) {
    var left = first;
    var right = second;
    var i = 0u;
    loop {
        store(offset + i, left.x);
        left = vec4<f32>(left.yzw, right.x);
        right = right.yzww;
        i++;
        if i >= count {
            break;
        }
    }
}
