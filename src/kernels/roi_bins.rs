use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Loops, Part, Recorder, wgsl};

pub(crate) static ROI_BINS: Kernel = Kernel {
    name: "roi_bins",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/roi_bins.wgsl", "roi_bins.wgsl"],
    workgroup_size: 64,
};

params!(
    rois_count,
    classes,
    pooled_height,
    pooled_width,
    batch,
    height,
    width,
    rounded,
    scale,
    shift,
    least,
    furthest,
    samples_y,
    samples_x,
    phase,
    beyond,
    skips,
    deformed,
    part_height,
    part_width,
    reach,
    rois_first,
    offset_first,
);

impl Loops for Params {
    fn iterations(&self) -> u64 {
        let bisections = [self.samples_y, self.samples_x].map(|samples| 2 * bisection_iterations(samples));
        3 + bisections.iter().sum::<u64>()
    }
}

/// The iterations of a bisection of so many samples; 0 for as many as follow from the RoI.
pub(crate) fn bisection_iterations(samples: u32) -> u64 {
    let most = if samples == 0 { u32::MAX } else { samples };
    u64::from(most.ilog2()) + 2
}

pub(crate) fn roi_bins(recorder: &mut Recorder, params: Params, [rois, offset, bins]: [&Part; 3]) -> Result<()> {
    let params = Params { rois_first: rois.first, offset_first: offset.first, ..params };
    let of_roi = u64::from(params.classes) * u64::from(params.pooled_height) * u64::from(params.pooled_width);
    let invocations = u64::from(params.rois_count) * of_roi;
    recorder.dispatch(&ROI_BINS, &params, &[rois, offset, bins], invocations, 8 * invocations)
}
