use crate::error::Result;
use crate::gpu::{Kernel, Loops, Part, Recorder, wgsl};
use crate::kernels::form::Form;
use crate::kernels::params;

pub(crate) static PACK_PANELS: Kernel = Kernel {
    name: "pack_panels",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/panels/layout.wgsl", "shared/panels/made.wgsl", "matmul/pack_panels.wgsl"],
    workgroup_size: 64,
};

params!(batch, rows, depth, first, batch_stride, row_stride, depth_stride);

impl Loops for Params {}

pub(crate) fn pack_panels(recorder: &mut Recorder, params: Params, [matrix, packed]: [&Part; 2]) -> Result<()> {
    let params = Params { first: matrix.first, ..params };
    let rows = Form::Panels.filled_rows(params.rows);
    let invocations = u64::from(params.batch) * rows * u64::from(params.depth.div_ceil(4));
    recorder.dispatch(&PACK_PANELS, &params, &[matrix, packed], invocations, 4 * invocations)
}
