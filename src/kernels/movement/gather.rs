use crate::gpu::{Binding, Fit, Loops, Recorder, wgsl};
use crate::kernels::movement::indexing::Indexing;
use crate::kernels::movement::strided_copy::Word;
use crate::kernels::{kernel, params};

kernel!("gather", 64, Params, |word: Word| [
    wgsl!["shared/grid.wgsl", "movement/parts/indexing.wgsl"],
    word.files(),
    wgsl!["movement/gather.wgsl"],
]);

params!(indexing: Indexing, rows, parts, window, fills, data_first, output_first);

impl Loops for Params {}

/// Records a gathering of `rows` rows. `params` are counted in `word`s, but for the strides of the indices.
pub(crate) fn gather(
    recorder: &mut Recorder,
    word: Word,
    params: Params,
    [data, indices, output]: [&Binding; 3],
) -> Fit {
    let columns = params.indexing.extent_5;
    let indexing = Indexing { index_start: params.indexing.index_start.wrapping_add(indices.first), ..params.indexing };
    let params = Params {
        indexing,
        parts: columns.div_ceil(4),
        data_first: data.first / word.words(),
        output_first: output.first / word.words(),
        ..params
    };
    let (rows, invocations) = (u64::from(params.rows), u64::from(params.rows) * u64::from(params.parts));
    let elements = rows * u64::from(columns) * u64::from(word.words());
    recorder.dispatch::<Kernel>(word, &params, &[data, indices, output], invocations, elements)
}
