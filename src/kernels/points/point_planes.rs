use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("point_planes", 64, Params, ["shared/grid.wgsl", "points/point_planes.wgsl"]);

params!(images, queries, heads, points, image, query, head, first, of_weight, accumulate);

impl Loops for Params {}

pub(crate) fn point_planes(recorder: &mut Recorder, params: Params, [gradients, gradient]: [&Binding; 2]) -> Fit {
    let params = Params { first: gradient.first, ..params };
    let rows = u64::from(params.images) * u64::from(params.queries) * u64::from(params.heads);
    let invocations = rows * u64::from(params.points);
    recorder.dispatch::<Kernel>((), &params, &[gradients, gradient], invocations, 2 * invocations)
}
