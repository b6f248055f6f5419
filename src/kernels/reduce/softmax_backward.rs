use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::reduce::Rows;
use crate::kernels::{kernel, params};

kernel!(
    "softmax_backward",
    64,
    Params,
    [
        "shared/grid.wgsl",
        "shared/softmax.wgsl",
        "reduce/parts/rows.wgsl",
        "reduce/parts/softmax.wgsl",
        "reduce/softmax_backward.wgsl",
    ]
);

params!(
    rows: Rows,
    finds,
    writes,
    logarithm,
    accumulate,
    input_first,
    statistics_first,
    grad_output_first,
    grad_input_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        self.rows.iterations(self.finds) + Rows::tree() + self.rows.iterations(self.writes)
    }
}

pub(crate) fn softmax_backward(
    recorder: &mut Recorder,
    params: Params,
    [input, statistics, grad_output, grad_input]: [&Binding; 4],
) -> Fit {
    let params = Params {
        input_first: input.first,
        statistics_first: statistics.first,
        grad_output_first: grad_output.first,
        grad_input_first: grad_input.first,
        ..params
    };
    let (rows, bindings) = (params.rows, [input, statistics, grad_output, grad_input]);
    recorder.dispatch::<Kernel>((), &params, &bindings, rows.invocations(), rows.elements())
}
