use crate::error::Result;
use crate::gpu::{Part, Recorder};
use crate::kernels::form::{ByForm, Form};
pub(crate) use crate::kernels::sample::deform_col2im::Params;
use crate::kernels::sample::deform_col2im::chains;

pub(crate) static DEFORM_COL2IM_TOUCHED: ByForm = chains!("deform_col2im_touched", "sample/deform_col2im_touched.wgsl");

/// How many invocations should do a list, of so many pixels at most: lists are mostly far from full, and an invocation costs much where it
/// finds nothing to do.
pub(crate) fn workers(listed: u32) -> u32 {
    listed.div_ceil(16).next_multiple_of(64)
}

pub(crate) fn deform_col2im_touched(
    recorder: &mut Recorder,
    form: Form,
    params: Params,
    bindings: [&Part; 8],
) -> Result<()> {
    let params = Params { grad_input_first: bindings[1].first, ..params };
    let invocations = 4 * u64::from(params.runs) * u64::from(params.workers);
    // Each row is added to four pixels at most.
    let elements = 4 * u64::from(params.strip_pixels) * u64::from(params.taps) * u64::from(params.runs) * 16;
    recorder.dispatch(DEFORM_COL2IM_TOUCHED.of(form), &params, &bindings, invocations, elements)
}
