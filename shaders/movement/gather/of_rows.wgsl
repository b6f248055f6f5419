// Rows along one axis, with one index of one part for all elements of a row, which is looked up once: see movement/gather.wgsl.

fn row_places(row: u32) -> vec2<u32> {
    return vec2<u32>(params.indexing.data_start, params.indexing.index_start)
        + row * vec2<u32>(params.indexing.data_stride_4, params.indexing.index_stride_4);
}

fn row_index(at: u32) -> vec2<u32> {
    return part_place(indices[at], params.indexing.part_extent_0, params.indexing.part_stride_0);
}

fn element_index(of_row: vec2<u32>, at: u32) -> vec2<u32> {
    return of_row;
}
