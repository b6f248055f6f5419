// Elements of a tensor of f32, bound as words.

fn word_of(element: u32) -> u32 {
    return element;
}

fn value_of(word: u32, element: u32) -> f32 {
    return bitcast<f32>(word);
}
