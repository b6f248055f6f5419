use super::roi_planes::Params;
use crate::error::Result;
use crate::geometry::SampleDerivative;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static ROI_OFFSET_TERMS: Kernel = Kernel {
    name: "roi_offset_terms",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/roi_bins.wgsl", "shared/roi_planes.wgsl", "roi_offset_terms.wgsl"],
    workgroup_size: 64,
};

/// `SampleDerivative` as the shader knows it.
pub(crate) fn number(derivative: SampleDerivative) -> u32 {
    match derivative {
        SampleDerivative::Exact => 0,
        SampleDerivative::Mmcv => 1,
        SampleDerivative::WithinCells => 2,
    }
}

/// Each element of the output has so many samples.
pub(crate) fn roi_offset_terms(
    recorder: &mut Recorder,
    params: Params,
    [bins, input, grad_output, terms]: [&Part; 4],
    samples: u64,
) -> Result<()> {
    let params = Params {
        input_first: input.first,
        grad_output_first: grad_output.first,
        output_first: terms.first / 2,
        ..params
    };
    let invocations = params.invocations();
    recorder.dispatch(
        &ROI_OFFSET_TERMS,
        &params,
        &[bins, input, grad_output, terms],
        invocations,
        invocations.saturating_mul(samples),
    )
}
