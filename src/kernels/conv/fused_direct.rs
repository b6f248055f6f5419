use crate::gpu::{Fit, Iterations, Recorder, wgsl};
use crate::kernels::conv::fused::{Dispatch, Params, Sampling, Steps, stored};
use crate::kernels::{activation, kernel};

kernel!("fused_direct", 64, Params, |sampling: Sampling| [
    activation::FUNCTIONS,
    sampling.files(),
    wgsl!["conv/fused_direct.wgsl"],
]);

/// Rows and pixels that one workgroup does.
pub(crate) const TILE: [u32; 2] = [4, 64];

pub(crate) fn steps() -> Steps {
    Steps { terms: 1, each: Iterations::NONE, store: stored() }
}

pub(crate) fn fused_direct(recorder: &mut Recorder, dispatch: &Dispatch) -> Fit {
    let work = dispatch.work(recorder.gpu().capabilities(), TILE);
    let (workgroups, iterations) = (dispatch.workgroups(TILE), steps().iterations(dispatch.terms()));
    let (sampling, params) = (dispatch.sampling(), dispatch.params());
    recorder.dispatch_workgroups::<Kernel>(sampling, &params, &dispatch.all_bindings(), workgroups, work, iterations)
}
