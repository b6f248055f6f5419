//! What `roi_pool` and `roi_offset_terms` have in common: shared/roi_planes.wgsl.

use super::params;
use crate::gpu::Loops;

params!(
    rois,
    channel_first,
    channels,
    bin_first,
    bins_count,
    image_first,
    images,
    height,
    width,
    in_channels,
    out_channels,
    class_channels,
    classes,
    pooled_height,
    pooled_width,
    group_height,
    group_width,
    cell_first,
    row_first,
    rows,
    input_first,
    output_first,
    derivative,
    reach,
    grad_output_first,
    row_samples,
);

impl Loops for Params {
    fn iterations(&self) -> u64 {
        u64::from(self.rows) * (2 + u64::from(self.row_samples)) + 1
    }
}

impl Params {
    pub(super) fn invocations(&self) -> u64 {
        u64::from(self.rois) * u64::from(self.channels) * u64::from(self.bins_count)
    }
}
