use crate::error::Result;
use crate::gpu::{Kernel, Loops, Part, Recorder, wgsl};
use crate::kernels::params;

pub(crate) static UNCHAIN_SAMPLES: Kernel = Kernel {
    name: "unchain_samples",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "sample/parts/samples.wgsl", "sample/unchain_samples.wgsl"],
    workgroup_size: 64,
};

params!(images, image_rows, rows, offset_group_first, offset_groups, cell_first, cells);

impl Loops for Params {}

pub(crate) fn unchain_samples(recorder: &mut Recorder, params: Params, bindings: [&Part; 3]) -> Result<()> {
    let samples = u64::from(params.rows) * u64::from(params.offset_groups);
    recorder.dispatch(&UNCHAIN_SAMPLES, &params, &bindings, samples, samples)
}
