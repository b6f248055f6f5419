// Rows that are copied word by word: movement/copy_rows.wgsl.

alias Word = u32;

// Two stores: a value that is one or the other may pass through floating point, which changes the bits of a NaN.
fn store(at: u32, word: Word) {
    if params.accumulate != 0u {
        destination[at] = bitcast<u32>(bitcast<f32>(destination[at]) + bitcast<f32>(word));
    } else {
        destination[at] = word;
    }
}
