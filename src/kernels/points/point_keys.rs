use crate::gpu::{Binding, Fit, Loops, Recorder, wgsl};
use crate::kernels::points::placement::{Placement, Points, files};
use crate::kernels::{kernel, params};

kernel!("point_keys", 64, Params, |placement: Placement| [&files(placement), wgsl!["points/point_keys.wgsl"]]);

params!(points: Points, cells, nowhere);

impl Loops for Params {}

pub(crate) fn point_keys(
    recorder: &mut Recorder,
    placement: Placement,
    params: Params,
    bindings: [&Binding; 5],
) -> Fit {
    let invocations = params.points.all();
    recorder.dispatch::<Kernel>(placement, &params, &bindings, invocations, 2 * invocations)
}
