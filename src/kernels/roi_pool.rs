use super::roi_planes::Params;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static ROI_POOL: Kernel = Kernel {
    name: "roi_pool",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/roi_bins.wgsl", "shared/roi_planes.wgsl", "roi_pool.wgsl"],
    workgroup_size: 64,
};

/// Each element of the output has so many samples.
pub(crate) fn roi_pool(
    recorder: &mut Recorder,
    params: Params,
    [bins, input, output]: [&Part; 3],
    samples: u64,
) -> Result<()> {
    let params = Params { input_first: input.first, output_first: output.first, ..params };
    let invocations = params.invocations();
    recorder.dispatch(&ROI_POOL, &params, &[bins, input, output], invocations, invocations.saturating_mul(samples))
}
