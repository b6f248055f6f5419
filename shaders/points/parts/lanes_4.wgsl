// Channels that an invocation does at a time: four, which lie at a multiple of their size.
alias Lanes = vec4<f32>;

fn sum_of_lanes(lanes: Lanes) -> f32 {
    return dot(lanes, vec4<f32>(1.0));
}
