use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::points::placement::{Lanes, Placement, PointBindings, Points, Value, Weighted, files};
use crate::kernels::{kernel, params};

kernel!("point_sums", 64, Params, |(weighted, lanes): (Weighted, Lanes)| [
    &files(Placement::Weighted(weighted)),
    &Value::Buffer(lanes).files(),
    wgsl!["points/point_sums.wgsl"],
]);

params!(
    points: Points,
    lanes,
    pairs,
    point_first,
    round,
    accumulate,
    value_image,
    value_pixel,
    value_first,
    output_image,
    output_query,
    output_first,
);

/// The most points of a workgroup: `factors` in points/point_sums.wgsl.
pub(crate) const ROUND: u32 = 256;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let sums = (self.pairs * self.lanes).div_ceil(64);
        Iterations::of((self.pairs * self.round).div_ceil(64)) + Iterations::each(sums, Iterations::of(self.round))
    }
}

pub(crate) fn point_sums(
    recorder: &mut Recorder,
    axes @ (_, lanes): (Weighted, Lanes),
    params: Params,
    own: [&Binding; 2],
    points: &PointBindings,
) -> Fit {
    let Points { images, queries, heads, .. } = params.points;
    let pairs = u64::from(images) * u64::from(queries) * u64::from(heads);
    let invocations = 64 * pairs.div_ceil(params.pairs.into());
    let elements = pairs * u64::from(params.round) * u64::from(params.lanes * lanes.elements());
    recorder.dispatch::<Kernel>(axes, &params, &points.behind(&own), invocations, elements)
}
