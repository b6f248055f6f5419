use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::layout::Layout;
use crate::kernels::points::placement::Lanes;
use crate::kernels::{kernel, params};

kernel!("point_walk", 8, Params, |(lanes, shares): (Lanes, Layout)| [
    wgsl!["shared/grid.wgsl", "points/parts/shares.wgsl"],
    lanes.files(),
    match shares {
        Layout::Rows => wgsl!["points/gradients/shares_buffer.wgsl"],
        Layout::Panels => wgsl!["shared/panels/layout.wgsl", "points/gradients/shares_texture.wgsl"],
    },
    wgsl!["points/point_walk.wgsl"],
]);

params!(
    images,
    queries,
    heads,
    points,
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
        Iterations::of(u64::from(self.queries) * u64::from(self.points))
    }
}

/// Bindings are the gradient of the output, that of the value, and the shares of points, by the layout in a buffer or in a texture.
pub(crate) fn point_walk(
    recorder: &mut Recorder,
    axes @ (lanes, _): (Lanes, Layout),
    params: Params,
    bindings: [&Binding; 3],
) -> Fit {
    let invocations = u64::from(params.images) * u64::from(params.heads) * u64::from(params.lanes);
    let points = u64::from(params.queries) * u64::from(params.points);
    let elements = 4 * points * invocations * u64::from(lanes.elements());
    recorder.dispatch::<Kernel>(axes, &params, &bindings, invocations, elements)
}
