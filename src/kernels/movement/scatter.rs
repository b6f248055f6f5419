use crate::geometry::ScatterReduction;
use crate::gpu::{Binding, File, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::reduce::cum_sum::Number;
use crate::kernels::{kernel, params};

kernel!("scatter", 64, Params, |number: Number| [
    wgsl!["shared/grid.wgsl"],
    files(number),
    wgsl!["movement/scatter.wgsl"],
]);

params!(entries, columns, row_first, rows, row, reduction, keys_first, numbers_first, updates_first, output_first,);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // What replaces is done by one update.
        let replaces = self.reduction == operation(ScatterReduction::Replace);
        Iterations::of(if replaces { 1 } else { self.entries })
    }
}

fn files(number: Number) -> &'static [File] {
    match number {
        Number::F32 => wgsl!["movement/parts/update_f32.wgsl"],
        Number::I32 => wgsl!["movement/parts/update_i32.wgsl"],
    }
}

/// The elements that updates are put together with: those that are replaced are words.
pub(crate) fn number(reduction: ScatterReduction, number: Number) -> Number {
    if reduction == ScatterReduction::Replace { Number::I32 } else { number }
}

/// `ScatterReduction` as the shader knows it.
pub(crate) fn operation(reduction: ScatterReduction) -> u32 {
    match reduction {
        ScatterReduction::Replace => 0,
        ScatterReduction::Add => 1,
        ScatterReduction::Mul => 2,
        ScatterReduction::Min => 3,
        ScatterReduction::Max => 4,
    }
}

/// Records some updates. First elements in `params` are counted from where the bindings begin.
pub(crate) fn scatter(
    recorder: &mut Recorder,
    of: Number,
    reduction: ScatterReduction,
    params: Params,
    [keys, numbers, updates, output]: [&Binding; 4],
) -> Fit {
    let params = Params {
        reduction: operation(reduction),
        keys_first: keys.first + params.keys_first,
        numbers_first: numbers.first + params.numbers_first,
        updates_first: updates.first + params.updates_first,
        output_first: output.first + params.output_first,
        ..params
    };
    let elements = u64::from(params.entries) * u64::from(params.columns);
    recorder.dispatch::<Kernel>(number(reduction, of), &params, &[keys, numbers, updates, output], elements, elements)
}
