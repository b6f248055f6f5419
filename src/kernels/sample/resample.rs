use crate::gpu::{Binding, Capabilities, Fit, Iterations, Recorder, axis, wgsl};
use crate::kernels::stores::Stores;
use crate::kernels::{kernel, params};

kernel!("resample", 64, Params, |(taps, stores): (Taps, Stores)| [
    wgsl!["shared/grid.wgsl"],
    stores.files(),
    match taps {
        Taps::Any => wgsl!["sample/parts/resample_any.wgsl"],
        Taps::Two => wgsl!["sample/parts/resample_two.wgsl"],
    },
    wgsl!["sample/resample.wgsl"],
]);

/// The taps along both axes: any number, or two, none of them outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taps {
    Any,
    Two,
}

axis!(Taps { Any: "", Two: "two" });

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

/// The rows of an invocation with two taps: shaders/sample/parts/resample_two.wgsl.
const RUN: u32 = 8;

impl Params {
    fn iterations(&self, taps: Taps) -> Iterations {
        match taps {
            Taps::Any => Iterations::each(self.column_count, Iterations::of(self.row_count)),
            // A row of the output takes two rows of the input, each once; of invocations that run together each may store at another of them.
            Taps::Two => {
                let rows = self.rows.min(RUN);
                Iterations::each(2 * rows, Iterations::of(rows))
            }
        }
    }

    fn invocations(&self, taps: Taps) -> u64 {
        let row = u64::from(self.columns) * u64::from(self.inner);
        let rows = match taps {
            Taps::Any => self.rows,
            Taps::Two => self.rows.div_ceil(RUN),
        };
        u64::from(self.outer) * u64::from(rows) * row.div_ceil(4)
    }
}

/// `input_first` of `params` counts from the element at which the binding starts; it wraps.
pub(crate) fn resample(
    recorder: &mut Recorder,
    taps: Taps,
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
    let elements = rows * u64::from(params.columns) * u64::from(params.inner);
    let sampled = elements.saturating_mul(u64::from(params.row_count) * u64::from(params.column_count));
    let stores = Stores::of(&[params.columns * params.inner, output.first]);
    recorder.dispatch_workgroups::<Kernel>(
        (taps, stores),
        &params,
        &[input, row_taps, column_taps, output],
        params.invocations(taps).div_ceil(64),
        sampled.saturating_mul(Capabilities::WORK_PER_ELEMENT),
        params.iterations(taps),
    )
}
