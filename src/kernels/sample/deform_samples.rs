use crate::gpu::{Fit, Part, Recorder, wgsl};
use crate::kernels::conv::columns::Params;
use crate::kernels::form::{Form, of_form};
use crate::kernels::kernel;

kernel!("deform_samples", 64, Params, |form: Form| [
    wgsl![
        "shared/grid.wgsl",
        "shared/border.wgsl",
        "shared/bilinear.wgsl",
        "shared/window.wgsl",
        "shared/columns/params.wgsl",
        "shared/taps.wgsl",
        "shared/offsets.wgsl",
        "sample/parts/samples.wgsl",
    ],
    of_form!(form, "layout", "made"),
    wgsl!["sample/deform_samples.wgsl"],
]);

pub(crate) fn deform_samples(
    recorder: &mut Recorder,
    form: Form,
    params: Params,
    [cells, samples]: [&Part; 2],
    [offset_y, offset_x, mask]: [&Part; 3],
) -> Fit {
    let invocations = u64::from(params.window.pixels) * u64::from(params.offsets.points);
    recorder.dispatch::<Kernel>(
        form,
        &params,
        &[cells, samples, offset_y, offset_x, mask],
        invocations,
        4 * invocations,
    )
}
