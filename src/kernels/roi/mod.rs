pub(crate) mod roi_bins;
pub(crate) mod roi_input_gradient;
pub(crate) mod roi_offset_gradient;
pub(crate) mod roi_offset_terms;
pub(crate) mod roi_planes;
pub(crate) mod roi_pool;
pub(crate) mod roi_touches;

use crate::kernels::params;

params!(
    /// A pooling of regions of interest, and how many RoIs a dispatch does: shaders/roi/parts/pooling.wgsl.
    struct Pooling {
        rois,
        classes,
        pooled_height,
        pooled_width,
        batch,
        height,
        width,
        in_channels,
        out_channels,
        class_channels,
        group_height,
        group_width,
        part_height,
        part_width,
        reach: f32,
        derivative,
    }
);

impl Pooling {
    /// Bins of a RoI.
    pub(crate) fn bins(&self) -> u64 {
        u64::from(self.pooled_height) * u64::from(self.pooled_width)
    }
}
