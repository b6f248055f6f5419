use crate::error::Result;
use crate::gpu::{Gpu, Iterations, Kernel, Recorder};
use crate::kernels::conv::fused::{Dispatch, Steps, stored, with_sampler};

/// A plain window's kernel, and a deformable one's.
pub(crate) type Variants = [Kernel; 2];

macro_rules! variants {
    ($window:literal, $deform:literal, $tile:literal, $lanes:literal) => {
        [
            Kernel {
                name: "fused_tile",
                variant: $window,
                files: with_sampler!(window: $tile, "conv/fused_tile.wgsl"),
                workgroup_size: $lanes,
            },
            Kernel {
                name: "fused_tile",
                variant: $deform,
                files: with_sampler!(deform: $tile, "conv/fused_tile.wgsl"),
                workgroup_size: $lanes,
            },
        ]
    };
}

pub(crate) static FUSED_TILE_32X128: Variants =
    variants!("32x128.window", "32x128.deform", "conv/fused/fused_tile_32x128.wgsl", 64);
pub(crate) static FUSED_TILE_64X64: Variants =
    variants!("64x64.window", "64x64.deform", "conv/fused/fused_tile_64x64.wgsl", 64);
pub(crate) static FUSED_TILE_128X128: Variants =
    variants!("128x128.window", "128x128.deform", "conv/fused/fused_tile_128x128.wgsl", 256);

/// Rows and pixels of the tile that one workgroup does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tile {
    Rows32,
    Rows64,
    Rows128,
}

impl Tile {
    pub(crate) fn extents(self) -> [u32; 2] {
        match self {
            Self::Rows32 => [32, 128],
            Self::Rows64 => [64, 64],
            Self::Rows128 => [128, 128],
        }
    }

    pub(crate) fn steps(self) -> Steps {
        // DEPTH in conv/fused/fused_tile_32x128.wgsl and its like.
        let terms = match self {
            Self::Rows32 | Self::Rows128 => 2,
            Self::Rows64 => 4,
        };
        let lanes = self.kernel(false).workgroup_size;
        // Places and samples, weights, and what is multiplied.
        let [weights, samples] = self.extents().map(|extent| Iterations::of(terms * extent / lanes));
        let each = samples + samples + weights + Iterations::of(terms);
        Steps { terms, each, store: Iterations::each(8u32, stored() + stored()) }
    }

    fn kernel(self, deformable: bool) -> &'static Kernel {
        let variants = match self {
            Self::Rows32 => &FUSED_TILE_32X128,
            Self::Rows64 => &FUSED_TILE_64X64,
            Self::Rows128 => &FUSED_TILE_128X128,
        };
        &variants[usize::from(deformable)]
    }
}

pub(crate) fn compile(gpu: &Gpu, tile: Tile, deformable: bool) -> Result<()> {
    gpu.compile(tile.kernel(deformable))
}

pub(crate) fn fused_tile(recorder: &mut Recorder, tile: Tile, dispatch: &Dispatch) -> Result<()> {
    let kernel = tile.kernel(dispatch.offsets.is_some());
    let extents = tile.extents();
    let work = dispatch.work(recorder.gpu().capabilities(), extents);
    let workgroups = dispatch.workgroups(extents);
    let iterations = tile.steps().iterations(dispatch.terms());
    recorder.dispatch_workgroups(kernel, &dispatch.uniform(), &dispatch.bindings(), workgroups, work, iterations)
}
