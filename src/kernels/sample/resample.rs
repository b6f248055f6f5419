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
    row_count,
    column_count,
    outside: f32,
    input_first,
    row_taps_first,
    column_taps_first,
    output_first,
);

/// An entry that lies outside has all ones in place of its first tap.
pub(crate) const OUTSIDE: u32 = u32::MAX;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let stored = self.columns.saturating_mul(self.inner).min(4);
        Iterations::each(self.column_count, Iterations::of(self.row_count)) + Iterations::of(stored)
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
    let taps = u64::from(params.row_count) * u64::from(params.column_count);
    recorder.dispatch::<Kernel>(
        (),
        &params,
        &[input, row_taps, column_taps, output],
        rows * row.div_ceil(4),
        (rows * row).saturating_mul(taps),
    )
}
