use super::columns::Params;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static DEFORM_SAMPLES: Kernel = Kernel {
    name: "deform_samples",
    variant: "",
    files: wgsl![
        "shared/grid.wgsl",
        "shared/border.wgsl",
        "shared/bilinear.wgsl",
        "shared/window.wgsl",
        "shared/taps.wgsl",
        "shared/offsets.wgsl",
        "shared/samples.wgsl",
        "deform_samples.wgsl",
    ],
    workgroup_size: 64,
};

pub(crate) fn deform_samples(
    recorder: &mut Recorder,
    params: Params,
    [samples, cells]: [&Part; 2],
    [offset_y, offset_x, mask]: [&Part; 3],
) -> Result<()> {
    let invocations = u64::from(params.pixels) * u64::from(params.points);
    recorder.dispatch(
        &DEFORM_SAMPLES,
        &params,
        &[samples, cells, offset_y, offset_x, mask],
        invocations,
        4 * invocations,
    )
}
