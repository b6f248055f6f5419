// Sums of a product that are added to what the output holds. They are a variant of kernels by subgroups: lavapipe goes through the lanes of a load that is
// left out, too.

fn updated(at: u32, sums: Stored) -> Stored {
    return output[at] + sums;
}
