use crate::gpu::{Binding, Fit, Lines, Loops, Recorder, Texel, Texture, wgsl};
use crate::kernels::{kernel, params};

kernel!("copy_lines", 64, Params, |texel: Texel| [
    wgsl!["shared/grid.wgsl", "shared/panels/layout.wgsl"],
    match texel {
        Texel::Quad => wgsl!["matmul/parts/copy_quads.wgsl"],
        Texel::Words => wgsl!["matmul/parts/copy_words.wgsl"],
        Texel::Element => wgsl!["matmul/parts/copy_elements.wgsl"],
    },
    wgsl!["matmul/copy_lines.wgsl"],
]);

params!(lines, length, first, stride, made_first, pitch);

impl Loops for Params {}

/// Copies lines; the binding starts at a texel.
pub(crate) fn copy_lines(recorder: &mut Recorder, matrix: &Binding, made: &Texture, lines: Lines) -> Fit {
    let Lines { texel, count, length, stride, first } = lines;
    let elements = texel.bytes() as u32 / 4;
    debug_assert!(matrix.first.is_multiple_of(elements), "a binding from element {} on", matrix.first);
    let pitch = lines.pitch();
    let params = Params { lines: count, length, first: matrix.first / elements, stride, made_first: first, pitch };
    recorder.dispatch_copy::<Kernel>(&params, (matrix, made, lines))
}
