use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::conv::col2im::{InputPiece, RunQuads};
use crate::kernels::layout::Layout;
use crate::kernels::sample::deform_col2im::around;
use crate::kernels::window::Window;
use crate::kernels::{kernel, params};

kernel!("deform_col2im_long", 64, Params, |axes: (RunQuads, Layout)| [
    &around(axes),
    wgsl!["sample/deform_col2im_long.wgsl"]
]);

params!(
    window: Window,
    piece: InputPiece,
    offset_group_first,
    offset_groups,
    cell_first,
    cells,
    most,
    listed,
    workers,
);

/// The most workgroups that do the channels of a run.
pub(crate) const WORKERS: u32 = 256;

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let rows = self.window.pixels * self.window.taps;
        let entries = (4 * self.listed).div_ceil(self.workers);
        let search = Iterations::of(33u32);
        // Each sample is near four pixels.
        let added = Iterations::of((4 * u64::from(rows)).div_ceil(64) + 4 * u64::from(entries));
        let entry = search + Iterations::each(4u32, Iterations::of(0u32)) + Iterations::of(64u32);
        Iterations::each(entries, entry) + added
    }
}

pub(crate) fn deform_col2im_long(
    recorder: &mut Recorder,
    axes: (RunQuads, Layout),
    params: Params,
    bindings: [&Binding; 7],
) -> Fit {
    let invocations = 64 * u64::from(params.piece.runs) * u64::from(params.workers);
    let samples = u64::from(params.window.pixels) * u64::from(params.window.taps);
    let elements = (64 * samples * u64::from(params.piece.runs)).max(invocations);
    recorder.dispatch::<Kernel>(axes, &params, &bindings, invocations, elements)
}
