// Rows that are copied four words at a time, and added to nothing: movement/copy_rows.wgsl.

alias Word = vec4<u32>;

fn store(at: u32, word: Word) {
    destination[at] = word;
}
