use crate::error::Result;
use crate::gpu::{Axis as _, Binding, Capabilities, Fit, Gpu, Iterations, Recorder, axis, wgsl};
use crate::kernels::layout::ReadFrom;
use crate::kernels::stores::Stores;
use crate::kernels::{kernel, params};

kernel!("resample", 64, Params, |((taps, planes), stores): ((Taps, ReadFrom), Stores)| [
    wgsl!["shared/grid.wgsl"],
    planes.plane_files(),
    stores.files(),
    match taps {
        Taps::Any => wgsl!["sample/parts/resample_any.wgsl"],
        Taps::One => wgsl!["sample/parts/resample_one.wgsl"],
        Taps::Two => wgsl!["sample/parts/resample_two.wgsl"],
    },
    wgsl!["sample/resample.wgsl"],
]);

/// The taps along both axes: any number, or, none of them outside, one of weight 1, or two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taps {
    Any,
    One,
    Two,
}

axis!(Taps { Any: "", One: "one", Two: "two" });

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

/// All ones, which an entry that lies outside has in place of its first tap.
pub(crate) const OUTSIDE: u32 = u32::MAX;

/// The words of a row or column with so many taps: those with two are quads.
pub(crate) fn entry_words(count: u32) -> u32 {
    if count == 2 { 4 } else { count + 1 }
}

/// The rows of an invocation with one tap or two: shaders/sample/parts/resample_one.wgsl, resample_two.wgsl.
const RUN: u32 = 8;

impl Params {
    fn iterations(&self, taps: Taps) -> Iterations {
        match taps {
            Taps::Any => Iterations::each(self.column_count, Iterations::of(self.row_count)),
            Taps::One => Iterations::of(self.rows.min(RUN)),
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
            Taps::One | Taps::Two => self.rows.div_ceil(RUN),
        };
        u64::from(self.outer) * u64::from(rows) * row.div_ceil(4)
    }
}

/// Compiles what some planes need, however they are stored.
pub(crate) fn compile(gpu: &Gpu, axes: (Taps, ReadFrom)) -> Result<()> {
    Stores::all().into_iter().try_for_each(|stores| gpu.compile::<Kernel>((axes, stores)))
}

/// Compiles what the device may need.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    let of = |taps| ReadFrom::all_of(gpu).into_iter().map(move |from| (taps, from));
    Taps::all().into_iter().flat_map(of).try_for_each(|axes| compile(gpu, axes))
}

/// `input_first` of `params` counts from the element at which the binding starts; it wraps.
pub(crate) fn resample(
    recorder: &mut Recorder,
    axes @ (taps, _): (Taps, ReadFrom),
    params: Params,
    [input, row_taps, column_taps, output]: [&Binding; 4],
) -> Fit {
    // The words of what the variant binds tables of taps as.
    let unit = match taps {
        Taps::Any => 1,
        Taps::One => entry_words(1),
        Taps::Two => entry_words(2),
    };
    let params = Params {
        input_first: params.input_first.wrapping_add(input.first),
        row_taps_first: row_taps.first / unit,
        column_taps_first: column_taps.first / unit,
        output_first: output.first,
        ..params
    };
    let rows = u64::from(params.outer) * u64::from(params.rows);
    let elements = rows * u64::from(params.columns) * u64::from(params.inner);
    let sampled = elements.saturating_mul(u64::from(params.row_count) * u64::from(params.column_count));
    let stores = Stores::of(&[params.columns * params.inner, output.first]);
    recorder.dispatch_workgroups::<Kernel>(
        (axes, stores),
        &params,
        &[input, row_taps, column_taps, output],
        params.invocations(taps).div_ceil(64),
        sampled.saturating_mul(Capabilities::WORK_PER_ELEMENT),
        params.iterations(taps),
    )
}
