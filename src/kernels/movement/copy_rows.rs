use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("copy_rows", 64, Params, ["shared/grid.wgsl", "movement/copy_rows.wgsl"]);

params!(rows, columns, source_row, source_first, destination_row, destination_first, accumulate);

impl Loops for Params {}

pub(crate) fn copy_rows(recorder: &mut Recorder, params: Params, [source, destination]: [&Binding; 2]) -> Fit {
    let params = Params { source_first: source.first, destination_first: destination.first, ..params };
    let words = u64::from(params.rows) * u64::from(params.columns);
    recorder.dispatch::<Kernel>((), &params, &[source, destination], words, words)
}
