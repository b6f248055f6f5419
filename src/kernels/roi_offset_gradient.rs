use super::params;
use crate::error::Result;
use crate::gpu::{Kernel, Loops, Part, Recorder, wgsl};

pub(crate) static ROI_OFFSET_GRADIENT: Kernel = Kernel {
    name: "roi_offset_gradient",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "roi_offset_gradient.wgsl"],
    workgroup_size: 64,
};

params!(
    rois,
    classes,
    class_channels,
    channel_first,
    channels,
    pooled_height,
    pooled_width,
    part_height,
    part_width,
    accumulate,
    grad_offset_first,
);

impl Loops for Params {
    fn iterations(&self) -> u64 {
        // The bins of a part, along each axis.
        let [rows, columns] = [(self.pooled_height, self.part_height), (self.pooled_width, self.part_width)]
            .map(|(pooled, part)| u64::from(pooled.div_ceil(part)));
        rows * (2 + columns * (2 + u64::from(self.channels))) + 1
    }
}

pub(crate) fn roi_offset_gradient(
    recorder: &mut Recorder,
    params: Params,
    [terms, grad_offset]: [&Part; 2],
) -> Result<()> {
    let params = Params { grad_offset_first: grad_offset.first, ..params };
    let of_roi = 2 * u64::from(params.classes) * u64::from(params.part_height) * u64::from(params.part_width);
    let bins = u64::from(params.pooled_height) * u64::from(params.pooled_width);
    let terms_of_roi = 2 * u64::from(params.classes) * u64::from(params.channels) * bins;
    let rois = u64::from(params.rois);
    let elements = rois * terms_of_roi.max(of_roi);
    recorder.dispatch(&ROI_OFFSET_GRADIENT, &params, &[terms, grad_offset], rois * of_roi, elements)
}
