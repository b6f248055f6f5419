use crate::gpu::{Capabilities, Fit, Iterations, Recorder, axis, wgsl};
use crate::kernels::conv::fused::{Dispatch, Params, Sampling, Steps, stored};
use crate::kernels::{activation, kernel};

kernel!("fused_cooperative", matrices.lanes(), Params, |(matrices, sampling): (Matrices, Sampling)| [
    wgsl!["conv/fused/enable_cooperative.wgsl"],
    activation::FUNCTIONS,
    sampling.files(),
    match matrices {
        Matrices::Side8Subgroup8 => wgsl!["conv/fused/cooperative_8x8.wgsl", "conv/fused/four_subgroups_of_8.wgsl"],
        Matrices::Side8Subgroup32 => wgsl!["conv/fused/cooperative_8x8.wgsl", "conv/fused/four_subgroups_of_32.wgsl"],
        Matrices::Side16Subgroup32 =>
            wgsl!["conv/fused/cooperative_16x16.wgsl", "conv/fused/four_subgroups_of_32.wgsl"],
    },
    wgsl!["conv/fused/points.wgsl", "conv/fused_cooperative.wgsl"],
]);

/// The matrices of a device, by their side and the size of its subgroups, which is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matrices {
    Side8Subgroup8,
    Side8Subgroup32,
    Side16Subgroup32,
}

axis!(Matrices { Side8Subgroup8: "8x8.8", Side8Subgroup32: "8x8.32", Side16Subgroup32: "16x16.32" });

impl Matrices {
    /// The largest matrices that the device has enabled and a kernel has.
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
        let ([_, pixels], lanes) = (self.tile(), self.lanes());
        let (terms, side) = (4, pixels / 4);
        // Points and samples, and what is multiplied; then four matrices.
        let points = Iterations::each(terms, Iterations::of(pixels.div_ceil(lanes)));
        let each = points + Iterations::of(terms * pixels / lanes) + Iterations::of(4 * terms / side);
        let matrix = Iterations::each((side * side).div_ceil(lanes), stored());
        Steps { terms, each, store: Iterations::each(4u32, matrix) }
    }

    /// Invocations of a workgroup, four subgroups.
    fn lanes(self) -> u32 {
        match self {
            Self::Side8Subgroup8 => 32,
            Self::Side8Subgroup32 | Self::Side16Subgroup32 => 128,
        }
    }
}

pub(crate) fn fused_cooperative(recorder: &mut Recorder, matrices: Matrices, dispatch: &Dispatch) -> Fit {
    let tile = matrices.tile();
    let work = dispatch.work(recorder.gpu().capabilities(), tile);
    let (workgroups, iterations) = (dispatch.workgroups(tile), matrices.steps().iterations(dispatch.terms()));
    let (axes, params) = ((matrices, dispatch.sampling()), dispatch.params());
    recorder.dispatch_workgroups::<Kernel>(axes, &params, &dispatch.all_bindings(), workgroups, work, iterations)
}
