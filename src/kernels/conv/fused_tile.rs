use crate::gpu::{Fit, Iterations, Recorder, axis, wgsl};
use crate::kernels::conv::fused::{Dispatch, Params, Sampling, Steps, stored};
use crate::kernels::{activation, kernel};

kernel!("fused_tile", tile.lanes(), Params, |(tile, sampling): (Tile, Sampling)| [
    activation::FUNCTIONS,
    sampling.files(),
    match tile {
        Tile::Rows32 => wgsl!["conv/fused/fused_tile_32x128.wgsl", "conv/fused/sums_8x8.wgsl"],
        Tile::Rows64 => wgsl!["conv/fused/fused_tile_64x64.wgsl", "conv/fused/sums_8x8.wgsl"],
        Tile::Rows64Half => wgsl!["conv/fused/fused_tile_64x64_half.wgsl", "conv/fused/sums_4x8.wgsl"],
        Tile::Rows128 => wgsl!["conv/fused/fused_tile_128x128.wgsl", "conv/fused/sums_8x8.wgsl"],
    },
    wgsl!["conv/fused/points.wgsl", "conv/fused_tile.wgsl"],
]);

/// Rows and pixels of the tile that one workgroup does. One invocation does 8 x 8 of it, of a half tile 4 x 8: half as many sums in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tile {
    Rows32,
    Rows64,
    Rows64Half,
    Rows128,
}

axis!(Tile { Rows32: "32x128", Rows64: "64x64", Rows64Half: "64x64.half", Rows128: "128x128" });

impl Tile {
    pub(crate) fn extents(self) -> [u32; 2] {
        match self {
            Self::Rows32 => [32, 128],
            Self::Rows64 | Self::Rows64Half => [64, 64],
            Self::Rows128 => [128, 128],
        }
    }

    pub(crate) fn steps(self) -> Steps {
        // DEPTH in conv/fused/fused_tile_32x128.wgsl and its like.
        let terms = match self {
            Self::Rows32 | Self::Rows64Half | Self::Rows128 => 2,
            Self::Rows64 => 4,
        };
        let lanes = self.lanes();
        let [weights, samples] = self.extents().map(|extent| Iterations::of(terms * extent / lanes));
        let points = Iterations::each(terms, Iterations::of(self.extents()[1].div_ceil(lanes)));
        let stored = if self.half() { stored() } else { stored() + stored() };
        Steps { terms, each: points + samples + weights, store: Iterations::each(8u32, stored) }
    }

    /// Whether an invocation does 4 x 8.
    fn half(self) -> bool {
        self == Self::Rows64Half
    }

    /// Invocations of a workgroup.
    fn lanes(self) -> u32 {
        let [rows, pixels] = self.extents();
        rows * pixels / if self.half() { 32 } else { 64 }
    }
}

pub(crate) fn fused_tile(recorder: &mut Recorder, tile: Tile, dispatch: &Dispatch) -> Fit {
    let extents = tile.extents();
    let work = dispatch.work(recorder.gpu().capabilities(), extents);
    let workgroups = dispatch.workgroups(extents);
    let iterations = tile.steps().iterations(dispatch.terms());
    let (axes, params) = ((tile, dispatch.sampling()), dispatch.params());
    recorder.dispatch_workgroups::<Kernel>(axes, &params, &dispatch.all_bindings(), workgroups, work, iterations)
}
