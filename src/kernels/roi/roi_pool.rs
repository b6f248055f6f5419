use crate::gpu::{Binding, Fit, Recorder, wgsl};
use crate::kernels::kernel;
use crate::kernels::roi::roi_planes::{Lanes, Params, dispatch};

kernel!("roi_pool", 64, Params, |lanes: Lanes| [&lanes.files(), wgsl!["roi/roi_pool.wgsl"]]);

/// Each element of the output has so many samples.
pub(crate) fn roi_pool(
    recorder: &mut Recorder,
    params: Params,
    [bins, input, output]: [&Binding; 3],
    samples: u64,
) -> Fit {
    let params = Params { input_first: input.first, output_first: output.first, ..params };
    dispatch::<Kernel>(recorder, &params, &[bins, input, output], samples)
}
