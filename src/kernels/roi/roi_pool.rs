use crate::gpu::{Binding, File, Fit, Recorder, axis, wgsl};
use crate::kernels::kernel;
use crate::kernels::roi::roi_planes::{Lanes, Params, dispatch};

/// The function of the samples of a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooled {
    Average,
    Max,
}

axis!(Pooled { Average: "", Max: "max" });

impl Pooled {
    fn files(self) -> &'static [File] {
        match self {
            Self::Average => wgsl!["roi/parts/pooled_average.wgsl"],
            Self::Max => wgsl!["roi/parts/pooled_max.wgsl"],
        }
    }
}

kernel!("roi_pool", 64, Params, |(lanes, pooled): (Lanes, Pooled)| [
    &lanes.files(),
    pooled.files(),
    wgsl!["roi/roi_pool.wgsl"],
]);

/// Each element of the output has so many samples.
pub(crate) fn roi_pool(
    recorder: &mut Recorder,
    pooled: Pooled,
    params: Params,
    [bins, input, output]: [&Binding; 3],
    samples: u64,
) -> Fit {
    let params = Params { input_first: input.first, output_first: output.first, ..params };
    dispatch::<Kernel>(recorder, |lanes| (lanes, pooled), &params, &[bins, input, output], samples)
}
