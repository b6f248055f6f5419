// A sample and the pixels around it: columns and gradients: shared/col2im.wgsl; samples: sample/parts/samples.wgsl.

// Adds a sample to the channels of a run, `quads` quads, of the neighbour that is the lower one or not, and the right one or not.
fn add_sample(before: Sums, run: vec4<u32>, quads: u32, row: u32, sample: vec4<f32>, lower: bool, right: bool) -> Sums {
    let weight_y = select(1.0 - sample.x, sample.x, lower);
    let weight_x = select(1.0 - sample.y, sample.y, right);
    let weight = weight_y * weight_x;
    // A mask of 0, decided on its bits. What does not count is not added, whatever it is.
    if weight != 0.0 && (bitcast<u32>(sample.z) << 1u) != 0u {
        let by_tap = divide(row, params.window.taps);
        return add_columns(before, quads, columns_start(run, by_tap.x, by_tap.y), weight * sample.z);
    }
    return before;
}
