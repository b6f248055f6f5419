use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!(
    "pack_fours",
    64,
    Params,
    ["shared/grid.wgsl", "shared/panels/layout.wgsl", "shared/panels/made.wgsl", "matmul/pack_fours.wgsl"]
);

params!(batch, row_fours, quads, depth, first, batch_stride, depth_stride, batch_rows, quad_first, row_quads);

impl Loops for Params {}

/// Packs a matrix, all quads of its depth; its binding starts at a multiple of four elements.
pub(crate) fn pack_fours(recorder: &mut Recorder, params: Params, [matrix, packed]: [&Binding; 2]) -> Fit {
    debug_assert!(matrix.first.is_multiple_of(4), "a binding from element {} on", matrix.first);
    let params = Params { first: matrix.first / 4, quads: params.depth.div_ceil(4), ..params };
    let invocations = [params.batch, params.row_fours, params.quads].map(u64::from).iter().product();
    recorder.dispatch::<Kernel>((), &params, &[matrix, packed], invocations, 16 * invocations)
}
