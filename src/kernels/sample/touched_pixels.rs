use crate::error::Result;
use crate::gpu::{Kernel, Loops, Part, Recorder, wgsl};
use crate::kernels::params;

pub(crate) static TOUCHED_PIXELS: Kernel = Kernel {
    name: "touched_pixels",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "sample/parts/samples.wgsl", "sample/touched_pixels.wgsl"],
    workgroup_size: 64,
};

params!(rows, width, pixel_first, pixels, offset_group_first, offset_groups, cell_first, cells, listed);

impl Loops for Params {}

pub(crate) fn touched_pixels(recorder: &mut Recorder, params: Params, bindings: [&Part; 4]) -> Result<()> {
    let samples = u64::from(params.rows) * u64::from(params.offset_groups);
    recorder.dispatch(&TOUCHED_PIXELS, &params, &bindings, samples, samples)
}
