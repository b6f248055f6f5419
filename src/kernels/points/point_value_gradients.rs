use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::points::placement::{Lanes, Placement, PointBindings, Points, files};
use crate::kernels::{kernel, params};

kernel!("point_value_gradients", 64, Params, |(placement, lanes): (Placement, Lanes)| [
    &files(placement),
    match placement {
        Placement::Weighted(_) => wgsl!["points/parts/weighted_5.wgsl"],
        Placement::Grid(_) => &[],
    },
    lanes.files(),
    wgsl!["points/point_value_gradients.wgsl"],
]);

params!(
    points: Points,
    image_first,
    lanes,
    cells,
    level_width,
    level_cell,
    level_pixel,
    pixels,
    accumulate,
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
        // All of a head may lie in the cells of one pixel.
        Iterations::of(u64::from(self.points.queries) * u64::from(self.points.points))
    }
}

pub(crate) fn point_value_gradients(
    recorder: &mut Recorder,
    axes: (Placement, Lanes),
    params: Params,
    own: [&Binding; 4],
    points: &PointBindings,
    elements: u64,
) -> Fit {
    let rows = u64::from(params.points.images) * u64::from(params.points.heads) * u64::from(params.pixels);
    let invocations = rows * u64::from(params.lanes);
    recorder.dispatch::<Kernel>(axes, &params, &points.behind(&own), invocations, elements)
}
