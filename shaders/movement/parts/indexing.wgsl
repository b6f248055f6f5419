// A tensor whose elements are named by the indices of another, along six axes of what is gathered or scattered: gather.wgsl, scatter_keys.wgsl.
//
// indices  the parts of an index lie side by side, from the sum, over the six axes, of the place along it times its index stride on; a negative part
//          counts from the end of its axis
//
// A place in the data is the sum, over the six axes, of the place along it times its data stride, from data_start on, and of the parts of an index times
// their strides, all modulo 2^32. The struct takes a multiple of 16 bytes, so that a uniform may hold it.

struct Indexing {
    extent_1: u32,
    extent_2: u32,
    extent_3: u32,
    extent_4: u32,
    extent_5: u32,
    data_stride_0: u32,
    data_stride_1: u32,
    data_stride_2: u32,
    data_stride_3: u32,
    data_stride_4: u32,
    data_stride_5: u32,
    index_stride_0: u32,
    index_stride_1: u32,
    index_stride_2: u32,
    index_stride_3: u32,
    index_stride_4: u32,
    index_stride_5: u32,
    part_extent_0: u32,
    part_extent_1: u32,
    part_extent_2: u32,
    part_extent_3: u32,
    part_extent_4: u32,
    part_extent_5: u32,
    part_stride_0: u32,
    part_stride_1: u32,
    part_stride_2: u32,
    part_stride_3: u32,
    part_stride_4: u32,
    part_stride_5: u32,
    depth: u32,
    data_start: u32,
    index_start: u32,
}

// Where a row, along the first five axes, starts in the data and in the indices.
fn row_starts(row: u32) -> vec2<u32> {
    let by_4 = divide(row, params.indexing.extent_4);
    let by_3 = divide(by_4.x, params.indexing.extent_3);
    let by_2 = divide(by_3.x, params.indexing.extent_2);
    let by_1 = divide(by_2.x, params.indexing.extent_1);
    return vec2<u32>(params.indexing.data_start, params.indexing.index_start)
        + by_1.x * vec2<u32>(params.indexing.data_stride_0, params.indexing.index_stride_0)
        + by_1.y * vec2<u32>(params.indexing.data_stride_1, params.indexing.index_stride_1)
        + by_2.y * vec2<u32>(params.indexing.data_stride_2, params.indexing.index_stride_2)
        + by_3.y * vec2<u32>(params.indexing.data_stride_3, params.indexing.index_stride_3)
        + by_4.y * vec2<u32>(params.indexing.data_stride_4, params.indexing.index_stride_4);
}

// The distance of a part of an index in the data, and 1 where it is beyond its axis.
fn part_place(part: u32, extent: u32, stride: u32) -> vec2<u32> {
    let negative = part >= 0x80000000u;
    let beyond = select(part >= extent, 0u - part > extent, negative);
    let position = select(part, extent + part, negative);
    return vec2<u32>(select(position, 0u, beyond) * stride, u32(beyond));
}

// The distance of an index in the data, whose parts lie from `at` on, and 0 where each is within its axis.
fn index_place(at: u32) -> vec2<u32> {
    var all = part_place(indices[at], params.indexing.part_extent_0, params.indexing.part_stride_0);
    if params.indexing.depth > 1u {
        all += part_place(indices[at + 1u], params.indexing.part_extent_1, params.indexing.part_stride_1);
    }
    if params.indexing.depth > 2u {
        all += part_place(indices[at + 2u], params.indexing.part_extent_2, params.indexing.part_stride_2);
    }
    if params.indexing.depth > 3u {
        all += part_place(indices[at + 3u], params.indexing.part_extent_3, params.indexing.part_stride_3);
    }
    if params.indexing.depth > 4u {
        all += part_place(indices[at + 4u], params.indexing.part_extent_4, params.indexing.part_stride_4);
    }
    if params.indexing.depth > 5u {
        all += part_place(indices[at + 5u], params.indexing.part_extent_5, params.indexing.part_stride_5);
    }
    return all;
}
