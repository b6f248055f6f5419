use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::points::placement::{Lanes, Placement, PointBindings, Points, files};
use crate::kernels::{kernel, params};

kernel!("point_walk", 8, Params, |(placement, lanes): (Placement, Lanes)| [
    &files(placement),
    match placement {
        Placement::Weighted(_) => wgsl!["points/parts/weighted_3.wgsl"],
        Placement::Grid(_) => &[],
    },
    lanes.files(),
    wgsl!["points/point_walk.wgsl"],
]);

params!(
    points: Points,
    lanes,
    value_image,
    value_pixel,
    value_lane,
    value_first,
    output_image,
    output_query,
    output_lane,
    output_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(u64::from(self.points.queries) * u64::from(self.points.points))
    }
}

pub(crate) fn point_walk(
    recorder: &mut Recorder,
    axes: (Placement, Lanes),
    params: Params,
    own: [&Binding; 2],
    points: &PointBindings,
) -> Fit {
    let invocations = u64::from(params.points.images) * u64::from(params.points.heads) * u64::from(params.lanes);
    let elements = 4 * params.points.all() * u64::from(params.lanes * axes.1.elements());
    recorder.dispatch::<Kernel>(axes, &params, &points.behind(&own), invocations, elements)
}
