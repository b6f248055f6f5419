//! `Params` and variants of `roi_pool` and `roi_offset_terms`: roi/parts/roi_planes.wgsl.

use crate::error::Result;
use crate::gpu::{Binding, File, Fit, Gpu, Iterations, Listed, Loops, Recorder, axis, wgsl};
use crate::kernels::params;
use crate::kernels::roi::Pooling;

params!(
    pooling: Pooling,
    channel_first,
    channels,
    run,
    runs,
    bin_first,
    bins_count,
    image_first,
    images,
    map_first,
    alone_y,
    alone_x,
    segment_first,
    segments,
    input_first,
    output_first,
    grad_output_first,
);

/// Samples of a row that an iteration does at most.
pub(crate) const SEGMENT: u32 = 4;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let of_channel = if self.segments == 0 {
            // By fours, and what is left.
            Iterations::each(self.alone_y, Iterations::of(self.alone_x / 4) + Iterations::of(self.alone_x.min(3)))
        } else {
            // Six halvings of 64 sums.
            Iterations::of(self.segments.div_ceil(64)) + Iterations::of(6u32)
        };
        Iterations::each(self.run.min(self.channels), of_channel)
    }
}

/// Who sums up a bin.
#[derive(Clone, Copy)]
pub(crate) enum Lanes {
    /// One invocation: roi/parts/roi_alone.wgsl.
    Alone,
    /// A workgroup: roi/parts/roi_together.wgsl.
    Together,
}

axis!(Lanes { Alone: "alone", Together: "together" });

impl Lanes {
    /// The files that all have, but for their own.
    pub(crate) fn files(self) -> Vec<File> {
        let sums = match self {
            Self::Alone => wgsl!["roi/parts/roi_alone.wgsl"],
            Self::Together => wgsl!["roi/parts/roi_together.wgsl"],
        };
        [
            wgsl!["shared/grid.wgsl", "roi/parts/pooling.wgsl", "roi/parts/roi_bins.wgsl", "roi/parts/roi_planes.wgsl"],
            sums,
        ]
        .concat()
    }
}

/// Compiles the variant for small bins, and that for large ones where there may be such.
pub(crate) fn compile<K: Listed>(gpu: &Gpu, variant: impl Fn(Lanes) -> K::Axes, large: bool) -> Result<()> {
    gpu.compile::<K>(variant(Lanes::Alone))?;
    if large { gpu.compile::<K>(variant(Lanes::Together)) } else { Ok(()) }
}

/// Each element has so many samples.
pub(crate) fn dispatch<K: Listed<Params = Params>>(
    recorder: &mut Recorder,
    variant: impl Fn(Lanes) -> K::Axes,
    params: &Params,
    bindings: &[&Binding],
    samples: u64,
) -> Fit {
    let bins = u64::from(params.pooling.rois) * u64::from(params.bins_count);
    let (lanes, of_bin) = if params.segments == 0 { (Lanes::Alone, 1) } else { (Lanes::Together, 64) };
    let invocations = of_bin * bins * u64::from(params.runs);
    let elements = (bins * u64::from(params.channels)).saturating_mul(samples);
    recorder.dispatch::<K>(variant(lanes), params, bindings, invocations, elements)
}
