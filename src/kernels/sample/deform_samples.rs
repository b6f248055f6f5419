use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};
use crate::kernels::conv::columns::Params;
use crate::kernels::form::{ByForm, Form};

macro_rules! kernel {
    ($variant:literal, $place:literal, $made:literal) => {
        Kernel {
            name: "deform_samples",
            variant: $variant,
            files: wgsl![
                "shared/grid.wgsl",
                "shared/border.wgsl",
                "shared/bilinear.wgsl",
                "shared/window.wgsl",
                "shared/taps.wgsl",
                "shared/offsets.wgsl",
                "sample/parts/samples.wgsl",
                $place,
                $made,
                "sample/deform_samples.wgsl",
            ],
            workgroup_size: 64,
        }
    };
}

pub(crate) static DEFORM_SAMPLES: ByForm = ByForm {
    rows: kernel!("rows", "shared/rows/layout.wgsl", "shared/rows/made.wgsl"),
    panels: kernel!("panels", "shared/panels/layout.wgsl", "shared/panels/made.wgsl"),
};

pub(crate) fn deform_samples(
    recorder: &mut Recorder,
    form: Form,
    params: Params,
    [cells, samples]: [&Part; 2],
    [offset_y, offset_x, mask]: [&Part; 3],
) -> Result<()> {
    let invocations = u64::from(params.pixels) * u64::from(params.points);
    recorder.dispatch(
        DEFORM_SAMPLES.of(form),
        &params,
        &[cells, samples, offset_y, offset_x, mask],
        invocations,
        4 * invocations,
    )
}
