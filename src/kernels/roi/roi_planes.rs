//! What `roi_pool` and `roi_offset_terms` have in common: roi/parts/roi_planes.wgsl.

use crate::error::Result;
use crate::gpu::{Gpu, Iterations, Kernel, Loops, Part, Recorder};
use crate::kernels::params;

params!(
    rois,
    channel_first,
    channels,
    block,
    blocks,
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
    alone_y,
    alone_x,
    chunk_first,
    chunks,
    input_first,
    output_first,
    derivative,
    reach,
    grad_output_first,
);

/// Samples of a row that an iteration does at most.
pub(crate) const CHUNK: u32 = 4;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let of_channel = if self.chunks == 0 {
            // By fours, and what is left.
            Iterations::each(self.alone_y, Iterations::of(self.alone_x / 4) + Iterations::of(self.alone_x.min(3)))
        } else {
            // Six halvings of 64 sums.
            Iterations::of(self.chunks.div_ceil(64)) + Iterations::of(6u32)
        };
        Iterations::each(self.block.min(self.channels), of_channel)
    }
}

/// A kernel's variants by who sums up a bin.
pub(crate) struct ByLanes {
    /// roi/parts/roi_alone.wgsl
    pub(crate) alone: Kernel,
    /// roi/parts/roi_together.wgsl
    pub(crate) together: Kernel,
}

impl ByLanes {
    /// Compiles the variant for small bins, and that for large ones where there may be such.
    pub(crate) fn compile(&'static self, gpu: &Gpu, large: bool) -> Result<()> {
        gpu.compile(&self.alone)?;
        if large { gpu.compile(&self.together) } else { Ok(()) }
    }

    /// Each element has so many samples.
    pub(crate) fn dispatch(
        &'static self,
        recorder: &mut Recorder,
        params: &Params,
        bindings: &[&Part],
        samples: u64,
    ) -> Result<()> {
        let bins = u64::from(params.rois) * u64::from(params.bins_count);
        let (kernel, lanes) = if params.chunks == 0 { (&self.alone, 1) } else { (&self.together, 64) };
        let invocations = lanes * bins * u64::from(params.blocks);
        let elements = (bins * u64::from(params.channels)).saturating_mul(samples);
        recorder.dispatch(kernel, params, bindings, invocations, elements)
    }
}

/// The variants of a kernel, by its name and its file.
macro_rules! by_lanes {
    ($name:literal, $file:literal) => {
        $crate::kernels::roi::roi_planes::ByLanes {
            alone: by_lanes!(@kernel $name, "alone", "roi/parts/roi_alone.wgsl", $file),
            together: by_lanes!(@kernel $name, "together", "roi/parts/roi_together.wgsl", $file),
        }
    };
    (@kernel $name:literal, $variant:literal, $lanes:literal, $file:literal) => {
        $crate::gpu::Kernel {
            name: $name,
            variant: $variant,
            files: $crate::gpu::wgsl![
                "shared/grid.wgsl",
                "roi/parts/roi_bins.wgsl",
                "roi/parts/roi_planes.wgsl",
                $lanes,
                $file
            ],
            workgroup_size: 64,
        }
    };
}
pub(crate) use by_lanes;
