use crate::geometry::SampleDerivative;
use crate::gpu::{Binding, Fit, Recorder, wgsl};
use crate::kernels::kernel;
use crate::kernels::roi::roi_planes::{Lanes, Params, dispatch};

kernel!("roi_offset_terms", 64, Params, |lanes: Lanes| [&lanes.files(), wgsl!["roi/roi_offset_terms.wgsl"]]);

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
    [bins, input, grad_output, terms]: [&Binding; 4],
    samples: u64,
) -> Fit {
    let params = Params {
        input_first: input.first,
        grad_output_first: grad_output.first,
        output_first: terms.first / 2,
        ..params
    };
    dispatch::<Kernel>(recorder, |lanes| lanes, &params, &[bins, input, grad_output, terms], samples)
}
