// Channels that an invocation does at a time: one.
alias Lanes = f32;

fn sum_of_lanes(lanes: Lanes) -> f32 {
    return lanes;
}
