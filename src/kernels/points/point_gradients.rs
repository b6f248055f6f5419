use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::points::placement::{Placement, PointBindings, Points, Value, Weighted, files};
use crate::kernels::{kernel, params};

kernel!("point_gradients", 64, Params, |(weighted, value): (Weighted, Value)| [
    &files(Placement::Weighted(weighted)),
    &value.files(),
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
    value_image_first,
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
    axes @ (_, value): (Weighted, Value),
    params: Params,
    own: [&Binding; 3],
    points: &PointBindings,
) -> Fit {
    let invocations = params.points.all();
    let elements = invocations * u64::from(params.lanes * value.lanes().elements());
    recorder.dispatch::<Kernel>(axes, &params, &points.behind(&own), invocations, elements)
}
