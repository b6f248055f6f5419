use crate::gpu::{Fit, Loops, Part, Recorder};
use crate::kernels::form::Form;
use crate::kernels::{kernel, params};

kernel!(
    "pack_panels",
    64,
    Params,
    ["shared/grid.wgsl", "shared/panels/layout.wgsl", "shared/panels/made.wgsl", "matmul/pack_panels.wgsl",]
);

params!(batch, rows, depth, first, batch_stride, row_stride, depth_stride);

impl Loops for Params {}

pub(crate) fn pack_panels(recorder: &mut Recorder, params: Params, [matrix, packed]: [&Part; 2]) -> Fit {
    let params = Params { first: matrix.first, ..params };
    let rows = Form::Panels.filled_rows(params.rows);
    let invocations = u64::from(params.batch) * rows * u64::from(params.depth.div_ceil(4));
    recorder.dispatch::<Kernel>((), &params, &[matrix, packed], invocations, 4 * invocations)
}
