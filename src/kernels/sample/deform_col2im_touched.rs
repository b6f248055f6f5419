use crate::gpu::{Binding, Fit, Recorder, wgsl};
use crate::kernels::conv::col2im::RunQuads;
use crate::kernels::kernel;
use crate::kernels::layout::Layout;
pub(crate) use crate::kernels::sample::deform_col2im::Params;
use crate::kernels::sample::deform_col2im::chains;

kernel!("deform_col2im_touched", 64, Params, |axes: (RunQuads, Layout)| [
    &chains(axes),
    wgsl!["sample/deform_col2im_touched.wgsl"]
]);

/// How many invocations should do a list, of so many pixels at most: lists are mostly far from full, and an invocation costs much where it
/// finds nothing to do.
pub(crate) fn workers(listed: u32) -> u32 {
    listed.div_ceil(16).next_multiple_of(64)
}

pub(crate) fn deform_col2im_touched(
    recorder: &mut Recorder,
    axes: (RunQuads, Layout),
    params: Params,
    bindings: [&Binding; 7],
) -> Fit {
    let invocations = 4 * u64::from(params.piece.runs) * u64::from(params.workers);
    recorder.dispatch::<Kernel>(axes, &params, &bindings, invocations, 16 * params.most_added())
}
