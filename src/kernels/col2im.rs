use super::params;
use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};

macro_rules! kernel {
    ($variant:literal, $quad:literal) => {
        Kernel {
            name: "col2im",
            variant: $variant,
            files: wgsl!["shared/grid.wgsl", $quad, "shared/col2im.wgsl", "col2im.wgsl"],
            workgroup_size: 64,
        }
    };
}

pub(crate) static COL2IM: Kernel = kernel!("", "shared/quad_f32.wgsl");
pub(crate) static COL2IM_U64: Kernel = kernel!("u64", "shared/quad_u64.wgsl");

params!(
    image_first,
    images,
    pixel_first,
    pixels,
    plane,
    width,
    channels,
    rows,
    quads_per_group,
    run_first,
    runs,
    lane_first,
    lane_end,
    accumulate,
    grad_input_first,
    out_height,
    out_width,
    strip_first,
    kernel_height,
    kernel_width,
    stride_y,
    stride_x,
    padding_top,
    padding_left,
    dilation_y,
    dilation_x,
);

fn kernel(gpu: &Gpu) -> &'static Kernel {
    if gpu.capabilities().wide_loads() { &COL2IM_U64 } else { &COL2IM }
}

pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    gpu.compile(kernel(gpu))
}

pub(crate) fn col2im(
    recorder: &mut Recorder,
    params: Params,
    [columns, block_runs, grad_input]: [&Part; 3],
) -> Result<()> {
    let params = Params { grad_input_first: grad_input.first, ..params };
    let invocations = u64::from(params.images) * u64::from(params.runs) * u64::from(params.pixels);
    let taps = u64::from(params.kernel_height) * u64::from(params.kernel_width);
    let elements = 16 * invocations * taps;
    let kernel = kernel(recorder.gpu());
    recorder.dispatch(kernel, &params, &[columns, block_runs, grad_input], invocations, elements)
}
