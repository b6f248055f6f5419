use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::roi::Pooling;
use crate::kernels::{kernel, params};

kernel!(
    "roi_bins",
    64,
    Params,
    ["shared/grid.wgsl", "roi/parts/pooling.wgsl", "roi/parts/roi_bins.wgsl", "roi/roi_bins.wgsl"]
);

params!(
    pooling: Pooling,
    rounded,
    scale: f32,
    shift: f32,
    least: f32,
    furthest,
    samples_y,
    samples_x,
    phase: f32,
    beyond: f32,
    skips,
    deformed,
    rois_first,
    offset_first,
);

/// The most iterations of a bisection of up to `count` samples.
pub(crate) fn bisection(count: u32) -> Iterations {
    Iterations::of(u32::BITS - count.leading_zeros())
}

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // Each axis is bisected twice.
        let most = if self.samples_y.min(self.samples_x) == 0 { u32::MAX } else { self.samples_y.max(self.samples_x) };
        Iterations::each(2u32, bisection(most) + bisection(most))
    }
}

pub(crate) fn roi_bins(recorder: &mut Recorder, params: Params, [rois, offset, bins]: [&Binding; 3]) -> Fit {
    let params = Params { rois_first: rois.first, offset_first: offset.first, ..params };
    let of_roi = u64::from(params.pooling.classes) * params.pooling.bins();
    let invocations = u64::from(params.pooling.rois) * of_roi;
    recorder.dispatch::<Kernel>((), &params, &[rois, offset, bins], invocations, 8 * invocations)
}
