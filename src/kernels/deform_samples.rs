use super::columns::Params;
use super::form::{ByForm, Form};
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

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
                "shared/samples.wgsl",
                $place,
                $made,
                "deform_samples.wgsl",
            ],
            workgroup_size: 64,
        }
    };
}

pub(crate) static DEFORM_SAMPLES: ByForm = ByForm {
    rows: kernel!("rows", "shared/rows.wgsl", "shared/made_rows.wgsl"),
    panels: kernel!("panels", "shared/panels.wgsl", "shared/made_panels.wgsl"),
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
