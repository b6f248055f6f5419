use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::reduce::Rows;
use crate::kernels::{kernel, params};

kernel!(
    "softmax",
    64,
    Params,
    [
        "shared/grid.wgsl",
        "shared/softmax.wgsl",
        "reduce/parts/rows.wgsl",
        "reduce/parts/softmax.wgsl",
        "reduce/softmax.wgsl",
    ]
);

params!(rows: Rows, finds, writes, logarithm, input_first, statistics_first, output_first);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        self.rows.iterations(self.finds) + Rows::tree() + self.rows.iterations(self.writes)
    }
}

pub(crate) fn softmax(recorder: &mut Recorder, params: Params, [input, statistics, output]: [&Binding; 3]) -> Fit {
    let params =
        Params { input_first: input.first, statistics_first: statistics.first, output_first: output.first, ..params };
    let rows = params.rows;
    recorder.dispatch::<Kernel>((), &params, &[input, statistics, output], rows.invocations(), rows.elements())
}
