use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::points::placement::{Lanes, Placement, PointBindings, Points, Weighted, files};
use crate::kernels::{kernel, params};

kernel!("point_gradients", 64, Params, |(weighted, lanes): (Weighted, Lanes)| [
    &files(Placement::Weighted(weighted)),
    lanes.files(),
    wgsl!["points/point_gradients.wgsl"],
]);

params!(
    points: Points,
    lanes,
    head_lanes,
    accumulate,
    last,
    edge_zero,
    value_image,
    value_pixel,
    value_first,
    output_image,
    output_query,
    output_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.lanes)
    }
}

pub(crate) fn point_gradients(
    recorder: &mut Recorder,
    axes @ (_, lanes): (Weighted, Lanes),
    params: Params,
    own: [&Binding; 3],
    points: &PointBindings,
) -> Fit {
    let invocations = params.points.all();
    let elements = invocations * u64::from(params.lanes * lanes.elements());
    recorder.dispatch::<Kernel>(axes, &params, &points.behind(&own), invocations, elements)
}
