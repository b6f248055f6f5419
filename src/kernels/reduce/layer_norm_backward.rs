use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::reduce::Rows;
use crate::kernels::{kernel, params};

kernel!(
    "layer_norm_backward",
    64,
    Params,
    ["shared/grid.wgsl", "reduce/parts/rows.wgsl", "reduce/parts/row_sums.wgsl", "reduce/layer_norm_backward.wgsl"]
);

params!(
    rows: Rows,
    finds,
    writes,
    accumulate,
    reciprocal: f32,
    epsilon: f32,
    scaled,
    input_first,
    scale_first,
    grad_output_first,
    statistics_first,
    means_first,
    grad_input_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        self.rows.iterations(self.finds) + Rows::tree() + self.rows.iterations(self.writes)
    }
}

pub(crate) fn layer_norm_backward(
    recorder: &mut Recorder,
    params: Params,
    [input, scale, grad_output, statistics, means, grad_input]: [&Binding; 6],
) -> Fit {
    let params = Params {
        input_first: input.first,
        scale_first: scale.first,
        grad_output_first: grad_output.first,
        statistics_first: statistics.first,
        means_first: means.first,
        grad_input_first: grad_input.first,
        ..params
    };
    let (rows, bindings) = (params.rows, [input, scale, grad_output, statistics, means, grad_input]);
    recorder.dispatch::<Kernel>((), &params, &bindings, rows.invocations(), rows.elements())
}
