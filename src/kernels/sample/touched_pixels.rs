use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("touched_pixels", 64, Params, ["shared/grid.wgsl", "sample/parts/samples.wgsl", "sample/touched_pixels.wgsl"]);

params!(rows, width, pixel_first, pixels, offset_group_first, offset_groups, cell_first, cells, listed);

impl Loops for Params {}

pub(crate) fn touched_pixels(recorder: &mut Recorder, params: Params, bindings: [&Binding; 4]) -> Fit {
    let samples = u64::from(params.rows) * u64::from(params.offset_groups);
    recorder.dispatch::<Kernel>((), &params, &bindings, samples, samples)
}
