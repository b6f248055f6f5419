use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::movement::indexing::Indexing;
use crate::kernels::{kernel, params};

kernel!("scatter_keys", 64, Params, ["shared/grid.wgsl", "movement/parts/indexing.wgsl", "movement/scatter_keys.wgsl"]);

params!(indexing: Indexing, updates, update_first, first, nowhere);

impl Loops for Params {}

pub(crate) fn scatter_keys(recorder: &mut Recorder, params: Params, [indices, keys, numbers]: [&Binding; 3]) -> Fit {
    let indexing = Indexing { index_start: params.indexing.index_start.wrapping_add(indices.first), ..params.indexing };
    let params = Params { indexing, ..params };
    let updates = params.updates.into();
    recorder.dispatch::<Kernel>((), &params, &[indices, keys, numbers], updates, updates)
}
