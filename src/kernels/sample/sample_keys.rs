use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("sample_keys", 64, Params, ["shared/grid.wgsl", "sample/parts/samples.wgsl", "sample/sample_keys.wgsl"]);

params!(rows, image_rows, offset_group_first, offset_groups, cell_first, cells, nowhere, emptied);

impl Loops for Params {}

pub(crate) fn sample_keys(recorder: &mut Recorder, params: Params, bindings: [&Binding; 5]) -> Fit {
    let invocations = (u64::from(params.rows) * u64::from(params.offset_groups)).max(params.emptied.into());
    recorder.dispatch::<Kernel>((), &params, &bindings, invocations, invocations)
}
