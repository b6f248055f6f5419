// Elements of a tensor of 16 bits, params.dtype, bound as words: shared/dtype.wgsl.

fn word_of(element: u32) -> u32 {
    return element / 2u;
}

fn value_of(word: u32, element: u32) -> f32 {
    return bitcast<f32>(decode(word, element, params.dtype));
}
