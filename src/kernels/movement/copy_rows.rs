use crate::error::Result;
use crate::gpu::{Axis, Binding, Fit, Gpu, Iterations, Loops, Recorder, wgsl};
use crate::kernels::movement::strided_copy::Word;
use crate::kernels::{kernel, params};

kernel!("copy_rows", 64, Params, |word: Word| [
    wgsl!["shared/grid.wgsl"],
    match word {
        Word::One => wgsl!["movement/parts/row_1.wgsl"],
        Word::Four => wgsl!["movement/parts/row_4.wgsl"],
    },
    wgsl!["movement/copy_rows.wgsl"],
]);

params!(rows, columns, source_row, source_first, destination_row, destination_first, accumulate);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.columns.min(4))
    }
}

/// Compiles both variants.
pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    Word::all().into_iter().try_for_each(|word| gpu.compile::<Kernel>(word))
}

/// Records the copy of rows of words, which `params` count.
pub(crate) fn copy_rows(recorder: &mut Recorder, params: Params, [source, destination]: [&Binding; 2]) -> Fit {
    let params = Params { source_first: source.first, destination_first: destination.first, ..params };
    let words = u64::from(params.rows) * u64::from(params.columns);
    let (word, params) = params.in_fours().map_or((Word::One, params), |params| (Word::Four, params));
    let invocations = u64::from(params.rows) * u64::from(params.columns.div_ceil(4));
    recorder.dispatch::<Kernel>(word, &params, &[source, destination], invocations, words)
}

impl Params {
    /// The rows as such of four words, where all is a multiple of that and nothing is added to.
    fn in_fours(self) -> Option<Self> {
        let Self { rows, columns, source_row, source_first, destination_row, destination_first, accumulate } = self;
        let row = |stride| if rows == 1 { 0 } else { stride };
        let counts = [columns, row(source_row), source_first, row(destination_row), destination_first];
        let fours = accumulate == 0 && counts.iter().all(|count| count.is_multiple_of(4));
        let [columns, source_row, source_first, destination_row, destination_first] = counts.map(|count| count / 4);
        fours.then_some(Self { columns, source_row, source_first, destination_row, destination_first, ..self })
    }
}
