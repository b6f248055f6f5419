use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("chain_sorted", 64, Params, ["shared/grid.wgsl", "sample/parts/samples.wgsl", "sample/chain_sorted.wgsl"]);

params!(elements, nowhere, rows, offset_group_first, offset_groups, cells, most);

impl Loops for Params {}

pub(crate) fn chain_sorted(recorder: &mut Recorder, params: Params, bindings: [&Binding; 5]) -> Fit {
    recorder.dispatch::<Kernel>((), &params, &bindings, params.elements.into(), params.elements.into())
}
