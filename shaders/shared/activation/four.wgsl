// The function of each of four elements.

fn activated_four(x: vec4<f32>, activation: Activation) -> vec4<f32> {
    return vec4<f32>(activated(x.x, activation), activated(x.y, activation), activated(x.z, activation), activated(x.w, activation));
}
