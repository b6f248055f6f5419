use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::points::placement::{Lanes, Placement, Points, files};
use crate::kernels::{kernel, params};

kernel!("point_gradients", 64, Params, |(placement, lanes): (Placement, Lanes)| [
    &files(placement),
    lanes.files(),
    wgsl!["points/point_gradients.wgsl"],
]);

params!(
    points: Points,
    lanes,
    head_lanes,
    accumulate,
    last,
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
    (placement, lanes): (Placement, Lanes),
    params: Params,
    bindings: [&Binding; 6],
) -> Fit {
    let invocations = params.points.all();
    let elements = invocations * u64::from(params.lanes * lanes.elements());
    recorder.dispatch::<Kernel>((placement, lanes), &params, &bindings, invocations, elements)
}
