use crate::gpu::{Binding, Fit, Loops, Recorder, wgsl};
use crate::kernels::movement::strided_copy::Word;
use crate::kernels::{kernel, params};

kernel!("gather", 64, Params, |word: Word| [wgsl!["shared/grid.wgsl"], word.files(), wgsl!["movement/gather.wgsl"]]);

params!(
    rows,
    columns,
    parts,
    depth,
    extent_1,
    extent_2,
    extent_3,
    extent_4,
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
    data_first,
    index_first,
    output_first,
);

impl Loops for Params {}

/// Records a gathering of elements along six axes, with the strides of data and indices, by indices of `depth` parts, whose extents and strides
/// follow. `extents`, the strides of the data and the first elements but the indices' are counted in `word`s.
pub(crate) fn gather(
    recorder: &mut Recorder,
    word: Word,
    depth: u32,
    extents: [u32; 6],
    [data_strides, index_strides]: [[u32; 6]; 2],
    [part_extents, part_strides]: [[u32; 6]; 2],
    [data, indices, output]: [&Binding; 3],
) -> Fit {
    let rows: u32 = extents[..5].iter().product();
    let [_, extent_1, extent_2, extent_3, extent_4, columns] = extents;
    let parts = columns.div_ceil(4);
    let [data_stride_0, data_stride_1, data_stride_2, data_stride_3, data_stride_4, data_stride_5] = data_strides;
    let [index_stride_0, index_stride_1, index_stride_2, index_stride_3, index_stride_4, index_stride_5] =
        index_strides;
    let [part_extent_0, part_extent_1, part_extent_2, part_extent_3, part_extent_4, part_extent_5] = part_extents;
    let [part_stride_0, part_stride_1, part_stride_2, part_stride_3, part_stride_4, part_stride_5] = part_strides;
    let params = Params {
        rows,
        columns,
        parts,
        depth,
        extent_1,
        extent_2,
        extent_3,
        extent_4,
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
        data_first: data.first / word.words(),
        index_first: indices.first,
        output_first: output.first / word.words(),
    };
    let elements = u64::from(rows) * u64::from(columns) * u64::from(word.words());
    recorder.dispatch::<Kernel>(word, &params, &[data, indices, output], u64::from(rows) * u64::from(parts), elements)
}
