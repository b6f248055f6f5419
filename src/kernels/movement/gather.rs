use crate::gpu::{Binding, Fit, Loops, Recorder, axis, wgsl};
use crate::kernels::movement::indexing::Indexing;
use crate::kernels::movement::strided_copy::Word;
use crate::kernels::{kernel, params};

kernel!("gather", 64, Params, |(word, indices): (Word, Indices)| [
    wgsl!["shared/grid.wgsl", "movement/parts/indexing.wgsl"],
    word.files(),
    match indices {
        Indices::OfRows => wgsl!["movement/gather/of_rows.wgsl"],
        Indices::OfElements => wgsl!["movement/gather/of_elements.wgsl"],
    },
    wgsl!["movement/gather.wgsl"],
]);

/// Whether each row has an index of its own, where rows lie along one axis and indices have one part, or else each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Indices {
    OfRows,
    OfElements,
}

axis!(Indices { OfRows: "rows", OfElements: "elements" });

params!(indexing: Indexing, rows, parts, window, fills, data_first, output_first);

impl Loops for Params {}

/// Records a gathering of `rows` rows. `params` are counted in words of the variant, but for the strides of the indices.
pub(crate) fn gather(
    recorder: &mut Recorder,
    (word, indices_of): (Word, Indices),
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
    recorder.dispatch::<Kernel>((word, indices_of), &params, &[data, indices, output], invocations, elements)
}
