use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!(
    "unchain_samples",
    64,
    Params,
    ["shared/grid.wgsl", "sample/parts/samples.wgsl", "sample/unchain_samples.wgsl",]
);

params!(images, image_rows, rows, offset_group_first, offset_groups, cell_first, cells);

impl Loops for Params {}

pub(crate) fn unchain_samples(recorder: &mut Recorder, params: Params, bindings: [&Binding; 3]) -> Fit {
    let samples = u64::from(params.rows) * u64::from(params.offset_groups);
    recorder.dispatch::<Kernel>((), &params, &bindings, samples, samples)
}
