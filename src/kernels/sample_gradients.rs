use super::params;
use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};

macro_rules! kernel {
    ($variant:literal, $quad:literal) => {
        Kernel {
            name: "sample_gradients",
            variant: $variant,
            files: wgsl![
                "shared/grid.wgsl",
                $quad,
                "shared/border.wgsl",
                "shared/samples.wgsl",
                "sample_gradients.wgsl"
            ],
            workgroup_size: 64,
        }
    };
}

pub(crate) static SAMPLE_GRADIENTS: Kernel = kernel!("", "shared/quad_f32.wgsl");
pub(crate) static SAMPLE_GRADIENTS_U64: Kernel = kernel!("u64", "shared/quad_u64.wgsl");

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

fn kernel(gpu: &Gpu) -> &'static Kernel {
    if gpu.capabilities().wide_loads() { &SAMPLE_GRADIENTS_U64 } else { &SAMPLE_GRADIENTS }
}

pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    gpu.compile(kernel(gpu))
}

pub(crate) fn sample_gradients(
    recorder: &mut Recorder,
    params: Params,
    [packed, columns, runs, samples, gradients]: [&Part; 5],
) -> Result<()> {
    let rows = u64::from(params.pixels) * u64::from(params.taps);
    let invocations = rows * u64::from(params.offset_groups);
    let elements = rows * u64::from(params.quads) * 4;
    let kernel = kernel(recorder.gpu());
    recorder.dispatch(kernel, &params, &[packed, columns, runs, samples, gradients], invocations, elements)
}
