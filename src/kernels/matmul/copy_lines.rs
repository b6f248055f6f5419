use crate::gpu::{Binding, Fit, Lines, Loops, Recorder, Texture};
use crate::kernels::{kernel, params};

kernel!(
    "copy_lines",
    64,
    Params,
    ["shared/grid.wgsl", "shared/panels/layout.wgsl", "shared/panels/made.wgsl", "matmul/copy_lines.wgsl"]
);

params!(lines, line_quads, first, stride, pitch);

impl Loops for Params {}

/// Copies lines; the binding starts at a multiple of four elements.
pub(crate) fn copy_lines(recorder: &mut Recorder, matrix: &Binding, made: &Texture, lines: Lines) -> Fit {
    debug_assert!(matrix.first.is_multiple_of(4), "a binding from element {} on", matrix.first);
    let Lines { count, quads, stride } = lines;
    let params = Params { lines: count, line_quads: quads, first: matrix.first / 4, stride, pitch: lines.pitch() };
    recorder.dispatch_copy::<Kernel>(&params, (matrix, made, lines))
}
