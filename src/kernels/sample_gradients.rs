use super::params;
use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};

macro_rules! kernel {
    ($variant:literal, $quad:literal, $columns:literal) => {
        Kernel {
            name: "sample_gradients",
            variant: $variant,
            files: wgsl![
                "shared/grid.wgsl",
                $quad,
                $columns,
                "shared/border.wgsl",
                "shared/samples.wgsl",
                "sample_gradients.wgsl"
            ],
            workgroup_size: 64,
        }
    };
}

pub(crate) static SAMPLE_GRADIENTS_READ: Kernel = kernel!("read", "shared/quad_f32.wgsl", "shared/columns_read.wgsl");
pub(crate) static SAMPLE_GRADIENTS_READ_U64: Kernel =
    kernel!("read_u64", "shared/quad_u64.wgsl", "shared/columns_read.wgsl");
pub(crate) static SAMPLE_GRADIENTS_KEPT: Kernel = kernel!("kept", "shared/quad_f32.wgsl", "shared/columns_kept.wgsl");
pub(crate) static SAMPLE_GRADIENTS_KEPT_U64: Kernel =
    kernel!("kept_u64", "shared/quad_u64.wgsl", "shared/columns_kept.wgsl");

params!(
    pixels,
    taps,
    image_pixels,
    offset_groups,
    height,
    width,
    quads,
    quads_per_group,
    band_first,
    band_pixels,
    border,
    edge_zero,
    accumulate,
);

fn kernel(gpu: &Gpu, columns_kept: bool) -> &'static Kernel {
    match (gpu.capabilities().wide_loads(), columns_kept) {
        (false, false) => &SAMPLE_GRADIENTS_READ,
        (true, false) => &SAMPLE_GRADIENTS_READ_U64,
        (false, true) => &SAMPLE_GRADIENTS_KEPT,
        (true, true) => &SAMPLE_GRADIENTS_KEPT_U64,
    }
}

pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    [false, true].into_iter().try_for_each(|columns_kept| gpu.compile(kernel(gpu, columns_kept)))
}

/// Where the columns are kept, each takes the place of its gradient.
pub(crate) fn sample_gradients(
    recorder: &mut Recorder,
    columns_kept: bool,
    params: Params,
    bindings: [&Part; 6],
) -> Result<()> {
    let rows = u64::from(params.pixels) * u64::from(params.taps);
    let invocations = rows * u64::from(params.offset_groups);
    let elements = rows * u64::from(params.quads) * 4;
    let kernel = kernel(recorder.gpu(), columns_kept);
    recorder.dispatch(kernel, &params, &bindings, invocations, elements)
}
