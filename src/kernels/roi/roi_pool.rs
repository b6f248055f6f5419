use crate::error::Result;
use crate::gpu::{Part, Recorder};
use crate::kernels::roi::roi_planes::{ByLanes, Params, by_lanes};

pub(crate) static ROI_POOL: ByLanes = by_lanes!("roi_pool", "roi/roi_pool.wgsl");

/// Each element of the output has so many samples.
pub(crate) fn roi_pool(
    recorder: &mut Recorder,
    params: Params,
    [bins, input, output]: [&Part; 3],
    samples: u64,
) -> Result<()> {
    let params = Params { input_first: input.first, output_first: output.first, ..params };
    ROI_POOL.dispatch(recorder, &params, &[bins, input, output], samples)
}
