use super::params;
use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Part, Recorder, wgsl};

macro_rules! kernel {
    ($variant:literal, $quad:literal) => {
        Kernel {
            name: "deform_col2im",
            variant: $variant,
            files: wgsl!["shared/grid.wgsl", $quad, "shared/samples.wgsl", "shared/col2im.wgsl", "deform_col2im.wgsl"],
            workgroup_size: 64,
        }
    };
}

pub(crate) static DEFORM_COL2IM: Kernel = kernel!("", "shared/quad_f32.wgsl");
pub(crate) static DEFORM_COL2IM_U64: Kernel = kernel!("u64", "shared/quad_u64.wgsl");

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
    offset_group_first,
    offset_groups,
    cell_first,
    cells,
    accumulate,
    grad_input_first,
);

fn kernel(gpu: &Gpu) -> &'static Kernel {
    if gpu.capabilities().wide_loads() { &DEFORM_COL2IM_U64 } else { &DEFORM_COL2IM }
}

pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    gpu.compile(kernel(gpu))
}

pub(crate) fn deform_col2im(
    recorder: &mut Recorder,
    params: Params,
    [columns, block_runs, grad_input, samples, heads]: [&Part; 5],
) -> Result<()> {
    let params = Params { grad_input_first: grad_input.first, ..params };
    let invocations = u64::from(params.images) * u64::from(params.runs) * u64::from(params.pixels);
    // On the average, each row is added to four pixels.
    let elements = (4 * u64::from(params.rows) * u64::from(params.runs)).max(invocations) * 16;
    let bindings = [columns, block_runs, grad_input, samples, heads];
    recorder.dispatch(kernel(recorder.gpu()), &params, &bindings, invocations, elements)
}
