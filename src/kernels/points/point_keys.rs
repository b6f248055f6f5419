use crate::gpu::{Binding, Fit, Loops, Recorder, wgsl};
use crate::kernels::points::placement::{Placement, PointBindings, Points, files};
use crate::kernels::{kernel, params};

kernel!("point_keys", 64, Params, |placement: Placement| [
    &files(placement),
    match placement {
        Placement::Weighted(_) => wgsl!["points/parts/weighted_3.wgsl"],
        Placement::Grid(_) => &[],
    },
    wgsl!["points/point_keys.wgsl"],
]);

params!(points: Points, cells, nowhere);

impl Loops for Params {}

pub(crate) fn point_keys(
    recorder: &mut Recorder,
    placement: Placement,
    params: Params,
    own: [&Binding; 2],
    points: &PointBindings,
) -> Fit {
    let invocations = params.points.all();
    recorder.dispatch::<Kernel>(placement, &params, &points.behind(&own), invocations, 2 * invocations)
}
