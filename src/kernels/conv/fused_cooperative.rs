use crate::error::Result;
use crate::gpu::{Capabilities, Gpu, Iterations, Kernel, Recorder};
use crate::kernels::conv::fused::{Dispatch, Steps, stored, with_sampler};

/// A plain window's kernel, and a deformable one's.
pub(crate) type Variants = [Kernel; 2];

macro_rules! variants {
    ($window:literal, $deform:literal, $matrices:literal, $subgroups:literal, $lanes:literal) => {
        [
            Kernel {
                name: "fused_cooperative",
                variant: $window,
                files: with_sampler!(
                    window after "conv/fused/enable_cooperative.wgsl": $matrices, $subgroups, "conv/fused_cooperative.wgsl"
                ),
                workgroup_size: $lanes,
            },
            Kernel {
                name: "fused_cooperative",
                variant: $deform,
                files: with_sampler!(
                    deform after "conv/fused/enable_cooperative.wgsl": $matrices, $subgroups, "conv/fused_cooperative.wgsl"
                ),
                workgroup_size: $lanes,
            },
        ]
    };
}

pub(crate) static FUSED_COOPERATIVE_8X8_8: Variants = variants!(
    "8x8.8.window",
    "8x8.8.deform",
    "conv/fused/cooperative_8x8.wgsl",
    "conv/fused/four_subgroups_of_8.wgsl",
    32
);
pub(crate) static FUSED_COOPERATIVE_8X8_32: Variants = variants!(
    "8x8.32.window",
    "8x8.32.deform",
    "conv/fused/cooperative_8x8.wgsl",
    "conv/fused/four_subgroups_of_32.wgsl",
    128
);
pub(crate) static FUSED_COOPERATIVE_16X16_32: Variants = variants!(
    "16x16.32.window",
    "16x16.32.deform",
    "conv/fused/cooperative_16x16.wgsl",
    "conv/fused/four_subgroups_of_32.wgsl",
    128
);

/// The matrices of a device, by their side and the size of its subgroups, which is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matrices {
    Side8Subgroup8,
    Side8Subgroup32,
    Side16Subgroup32,
}

impl Matrices {
    /// Those that the device has enabled and there is a kernel for; the largest.
    pub(crate) fn of(capabilities: &Capabilities) -> Option<Self> {
        let subgroup = capabilities.subgroup_size()?;
        [(Self::Side16Subgroup32, 16, 32), (Self::Side8Subgroup32, 8, 32), (Self::Side8Subgroup8, 8, 8)]
            .into_iter()
            .find(|(_, side, size)| subgroup == *size && capabilities.multiplies_f16(*side))
            .map(|(matrices, ..)| matrices)
    }

    /// Rows and pixels of the tile that one workgroup does.
    pub(crate) fn tile(self) -> [u32; 2] {
        match self {
            Self::Side8Subgroup8 | Self::Side8Subgroup32 => [32, 32],
            Self::Side16Subgroup32 => [64, 64],
        }
    }

    pub(crate) fn steps(self) -> Steps {
        // DEPTH and SIDE in fused_cooperative.wgsl.
        let ([_, pixels], lanes) = (self.tile(), self.kernel(false).workgroup_size);
        let (terms, side) = (4, pixels / 4);
        // Places and samples, and what is multiplied; then four matrices.
        let samples = Iterations::of((terms * pixels).div_ceil(lanes));
        let each = samples + samples + Iterations::of(4 * terms / side);
        let matrix = Iterations::each((side * side).div_ceil(lanes), stored());
        Steps { terms, each, store: Iterations::each(4u32, matrix) }
    }

    fn kernel(self, deformable: bool) -> &'static Kernel {
        let variants = match self {
            Self::Side8Subgroup8 => &FUSED_COOPERATIVE_8X8_8,
            Self::Side8Subgroup32 => &FUSED_COOPERATIVE_8X8_32,
            Self::Side16Subgroup32 => &FUSED_COOPERATIVE_16X16_32,
        };
        &variants[usize::from(deformable)]
    }
}

pub(crate) fn compile(gpu: &Gpu, matrices: Matrices, deformable: bool) -> Result<()> {
    gpu.compile(matrices.kernel(deformable))
}

pub(crate) fn fused_cooperative(recorder: &mut Recorder, matrices: Matrices, dispatch: &Dispatch) -> Result<()> {
    let kernel = matrices.kernel(dispatch.offsets.is_some());
    let tile = matrices.tile();
    let work = dispatch.work(recorder.gpu().capabilities(), tile);
    let (workgroups, iterations) = (dispatch.workgroups(tile), matrices.steps().iterations(dispatch.terms()));
    recorder.dispatch_workgroups(kernel, &dispatch.uniform(), &dispatch.bindings(), workgroups, work, iterations)
}
