//! The places that indices name, as kernels know them: shaders/movement/parts/indexing.wgsl.

use crate::kernels::params;
use crate::shape::MAX_RANK;

params!(
    /// Six axes of what is gathered or scattered, with the strides of data and indices, and the axes that the parts of an index are along.
    struct Indexing {
        extent_1,
        extent_2,
        extent_3,
        extent_4,
        extent_5,
        data_stride_0,
        data_stride_1,
        data_stride_2,
        data_stride_3,
        data_stride_4,
        data_stride_5,
        index_stride_0,
        index_stride_1,
        index_stride_2,
        index_stride_3,
        index_stride_4,
        index_stride_5,
        part_extent_0,
        part_extent_1,
        part_extent_2,
        part_extent_3,
        part_extent_4,
        part_extent_5,
        part_stride_0,
        part_stride_1,
        part_stride_2,
        part_stride_3,
        part_stride_4,
        part_stride_5,
        depth,
        data_start,
        index_start,
    }
);

impl Indexing {
    /// Axes with the strides of data and indices, and indices of `depth` parts with their extents and strides. Places are counted from 0 on.
    pub(crate) fn new(
        extents: [u32; MAX_RANK],
        [data_strides, index_strides]: [[u32; MAX_RANK]; 2],
        depth: u32,
        [part_extents, part_strides]: [[u32; MAX_RANK]; 2],
    ) -> Self {
        let [_, extent_1, extent_2, extent_3, extent_4, extent_5] = extents;
        let [data_stride_0, data_stride_1, data_stride_2, data_stride_3, data_stride_4, data_stride_5] = data_strides;
        let [index_stride_0, index_stride_1, index_stride_2, index_stride_3, index_stride_4, index_stride_5] =
            index_strides;
        let [part_extent_0, part_extent_1, part_extent_2, part_extent_3, part_extent_4, part_extent_5] = part_extents;
        let [part_stride_0, part_stride_1, part_stride_2, part_stride_3, part_stride_4, part_stride_5] = part_strides;
        Self {
            extent_1,
            extent_2,
            extent_3,
            extent_4,
            extent_5,
            data_stride_0,
            data_stride_1,
            data_stride_2,
            data_stride_3,
            data_stride_4,
            data_stride_5,
            index_stride_0,
            index_stride_1,
            index_stride_2,
            index_stride_3,
            index_stride_4,
            index_stride_5,
            part_extent_0,
            part_extent_1,
            part_extent_2,
            part_extent_3,
            part_extent_4,
            part_extent_5,
            part_stride_0,
            part_stride_1,
            part_stride_2,
            part_stride_3,
            part_stride_4,
            part_stride_5,
            depth,
            data_start: 0,
            index_start: 0,
        }
    }
}
