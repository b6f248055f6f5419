use crate::gpu::{Binding, File, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::conv::col2im::{InputPiece, RunQuads};
use crate::kernels::layout::{Layout, of_layout};
use crate::kernels::window::Window;
use crate::kernels::{kernel, params};

/// The files of a kernel that adds samples to the pixels around them, but for its own.
pub(crate) fn around((quads, layout): (RunQuads, Layout)) -> Vec<File> {
    [
        wgsl!["shared/grid.wgsl"],
        of_layout!(layout, "layout", "given", "table"),
        quads.files(),
        wgsl!["sample/parts/samples.wgsl", "shared/window.wgsl", "shared/col2im.wgsl", "sample/parts/neighbours.wgsl"],
        match layout {
            Layout::Rows => wgsl!["sample/parts/samples_buffer.wgsl"],
            Layout::Panels => wgsl!["sample/parts/samples_texture.wgsl"],
        },
    ]
    .concat()
}

/// The files of a kernel over chains of samples, but for its own.
pub(crate) fn chains(axes: (RunQuads, Layout)) -> Vec<File> {
    [around(axes), wgsl!["sample/parts/chains.wgsl"].to_vec()].concat()
}

kernel!("deform_col2im", 64, Params, |axes: (RunQuads, Layout)| [&chains(axes), wgsl!["sample/deform_col2im.wgsl"]]);

params!(
    window: Window,
    piece: InputPiece,
    offset_group_first,
    offset_groups,
    cell_first,
    cells,
    chained,
    listed,
    workers,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // All of these samples may lie in the cells of one pixel.
        let merged = Iterations::of(self.chained);
        let sums = self.piece.iterations();
        match self.workers {
            0 => merged + sums,
            // Nor do the pixels that a worker does have more together.
            workers => merged + Iterations::each(self.listed.div_ceil(workers), Iterations::of(0u32) + sums),
        }
    }
}

impl Params {
    /// The most samples that are added to pixels: each to four, for each run.
    pub(crate) fn most_added(&self) -> u64 {
        4 * u64::from(self.window.pixels) * u64::from(self.window.taps) * u64::from(self.piece.runs)
    }
}

pub(crate) fn deform_col2im(
    recorder: &mut Recorder,
    axes: (RunQuads, Layout),
    params: Params,
    bindings: [&Binding; 5],
) -> Fit {
    let invocations = params.piece.invocations();
    let elements = params.most_added().max(invocations) * 16;
    recorder.dispatch::<Kernel>(axes, &params, &bindings, invocations, elements)
}
