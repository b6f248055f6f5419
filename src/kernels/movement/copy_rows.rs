use crate::error::Result;
use crate::gpu::{Kernel, Loops, Part, Recorder, wgsl};
use crate::kernels::params;

pub(crate) static COPY_ROWS: Kernel = Kernel {
    name: "copy_rows",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "movement/copy_rows.wgsl"],
    workgroup_size: 64,
};

params!(rows, columns, source_row, source_first, destination_row, destination_first, accumulate);

impl Loops for Params {}

pub(crate) fn copy_rows(recorder: &mut Recorder, params: Params, [source, destination]: [&Part; 2]) -> Result<()> {
    let params = Params { source_first: source.first, destination_first: destination.first, ..params };
    let words = u64::from(params.rows) * u64::from(params.columns);
    recorder.dispatch(&COPY_ROWS, &params, &[source, destination], words, words)
}
