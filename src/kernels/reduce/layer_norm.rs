use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::reduce::Rows;
use crate::kernels::{kernel, params};

kernel!(
    "layer_norm",
    64,
    Params,
    ["shared/grid.wgsl", "reduce/parts/rows.wgsl", "reduce/parts/row_sums.wgsl", "reduce/layer_norm.wgsl"]
);

params!(
    rows: Rows,
    finds_mean,
    finds_variance,
    writes,
    reciprocal: f32,
    epsilon: f32,
    scaled,
    shifted,
    factor_row,
    input_first,
    factor_first,
    shift_first,
    statistics_first,
    output_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let sums = |done| self.rows.iterations(done) + Rows::tree();
        sums(self.finds_mean) + sums(self.finds_variance) + self.rows.iterations(self.writes)
    }
}

pub(crate) fn layer_norm(
    recorder: &mut Recorder,
    params: Params,
    [input, factor, shift, statistics, output]: [&Binding; 5],
) -> Fit {
    let params = Params {
        input_first: input.first,
        factor_first: factor.first,
        shift_first: shift.first,
        statistics_first: statistics.first,
        output_first: output.first,
        ..params
    };
    let (rows, bindings) = (params.rows, [input, factor, shift, statistics, output]);
    recorder.dispatch::<Kernel>((), &params, &bindings, rows.invocations(), rows.elements())
}
