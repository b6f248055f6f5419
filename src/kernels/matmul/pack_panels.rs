use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::layout::Layout;
use crate::kernels::{kernel, params};

kernel!(
    "pack_panels",
    64,
    Params,
    ["shared/grid.wgsl", "shared/panels/layout.wgsl", "shared/panels/made.wgsl", "matmul/pack_panels.wgsl",]
);

params!(batch, rows, depth, first, batch_stride, row_stride, depth_stride);

impl Loops for Params {}

pub(crate) fn pack_panels(recorder: &mut Recorder, params: Params, [matrix, packed]: [&Binding; 2]) -> Fit {
    let params = Params { first: matrix.first, ..params };
    let rows = Layout::Panels.filled_rows(params.rows);
    let invocations = u64::from(params.batch) * rows * u64::from(params.depth.div_ceil(4));
    recorder.dispatch::<Kernel>((), &params, &[matrix, packed], invocations, 4 * invocations)
}
