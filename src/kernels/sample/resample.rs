use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("resample", 64, Params, ["shared/grid.wgsl", "sample/resample.wgsl"]);

params!(
    outer,
    rows,
    columns,
    inner,
    in_outer,
    in_row,
    in_column,
    row_words,
    column_words,
    outside: f32,
    input_first,
    row_taps_first,
    column_taps_first,
    output_first,
);

/// The words of an entry of taps beside their weights.
pub(crate) const ENTRY_WORDS: u32 = 2;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let [rows, columns] = [self.row_words, self.column_words].map(|words| words.saturating_sub(ENTRY_WORDS));
        let elements = self.columns.saturating_mul(self.inner).min(4);
        Iterations::each(elements, Iterations::each(rows, Iterations::of(columns)))
    }
}

/// `input_first` of `params` counts from the element at which the binding starts; it wraps.
pub(crate) fn resample(
    recorder: &mut Recorder,
    params: Params,
    [input, row_taps, column_taps, output]: [&Binding; 4],
) -> Fit {
    let params = Params {
        input_first: params.input_first.wrapping_add(input.first),
        row_taps_first: row_taps.first,
        column_taps_first: column_taps.first,
        output_first: output.first,
        ..params
    };
    let rows = u64::from(params.outer) * u64::from(params.rows);
    let row = u64::from(params.columns) * u64::from(params.inner);
    let taps = [params.row_words, params.column_words].map(|words| u64::from(words - ENTRY_WORDS).max(1));
    recorder.dispatch::<Kernel>(
        (),
        &params,
        &[input, row_taps, column_taps, output],
        rows * row.div_ceil(4),
        rows * row * taps[0] * taps[1],
    )
}
