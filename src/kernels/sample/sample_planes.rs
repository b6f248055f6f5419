use crate::gpu::{Fit, Loops, Part, Recorder, wgsl};
use crate::kernels::form::{Form, of_form};
use crate::kernels::{kernel, params};

kernel!("sample_planes", 64, Params, |form: Form| [
    wgsl!["shared/grid.wgsl"],
    of_form!(form, "layout", "given"),
    wgsl!["sample/sample_planes.wgsl"],
]);

params!(
    component,
    pixel_first,
    pixels,
    out_pixels,
    taps,
    point_first,
    points,
    origin,
    batch,
    step,
    accumulate,
    plane_first,
);

impl Loops for Params {}

pub(crate) fn sample_planes(
    recorder: &mut Recorder,
    form: Form,
    params: Params,
    [gradients, plane]: [&Part; 2],
) -> Fit {
    let params = Params { plane_first: plane.first, ..params };
    let invocations = u64::from(params.pixels) * u64::from(params.points);
    recorder.dispatch::<Kernel>(form, &params, &[gradients, plane], invocations, invocations)
}
