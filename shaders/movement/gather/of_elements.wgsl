// Rows along five axes, and an index looked up for each element of a row, of one part or more: see movement/gather.wgsl.

fn row_places(row: u32) -> vec2<u32> {
    return row_starts(row);
}

fn row_index(at: u32) -> vec2<u32> {
    return vec2<u32>(0u);
}

fn element_index(of_row: vec2<u32>, at: u32) -> vec2<u32> {
    return index_place(at);
}
