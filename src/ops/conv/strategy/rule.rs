//! Which family of kernels does a convolution.
//!
//! The rule, where no strategy is forced and no choice was measured:
//!
//! 1. `Winograd` or `Im2col` on adapters that run on the CPU, which emulate workgroup memory and barriers: see `pays` in winograd.rs;
//! 2. `FusedCooperative` for f16 where the caller has asked for it, the device has it, and groups have more than 32 output channels, so that
//!    tiles are filled; not for bf16, whose range is beyond that of f16;
//! 3. `Fused` else.
//!
//! Which of its kernels `Fused` uses follows from the geometry, and from whether the device has few registers: see `Family` in tiles.rs. A
//! strategy that is forced where it is not applicable is `Error::Unsupported`.
//!
//! Gradients are by columns, whatever the strategy of the forward pass. That of the input of a deformable convolution is gathered by samples that are
//! chained as suits the adapters of the strategy: see `Chaining`.

use super::problem::Problem;
use super::winograd;
use crate::dtype::DType;
use crate::gpu::Gpu;
use crate::kernels::conv::fused_cooperative::Matrices;

/// A family of kernels for a convolution. The choice follows from the device and the geometry, unless
/// [`Plan::tune`](crate::Plan::tune) has measured it; tests and benchmarks force it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Channels last, columns in strips of output pixels, a matrix product for each strip. The fast one on adapters that run on the CPU.
    Im2col,
    /// Channels last, and tiles of the output that sample what they need: no columns in memory. The fast one on GPUs.
    Fused,
    /// Channels last, and tiles of the output by cooperative matrices, for data of 16 bits: samples and weights are rounded to f16, of
    /// which they must be in range, and summed in f32. For devices on which
    /// [`GpuOptions::cooperative_matrices`](crate::GpuOptions::cooperative_matrices) found them, or a caller's own that has them enabled.
    FusedCooperative,
    /// Tiles of 4 x 4 output pixels by Winograd's F(4 x 4, 3 x 3), with a quarter of the multiplications: for plain convolutions of 3 x 3 taps
    /// with stride and dilation 1. The fast one for large ones on adapters that run on the CPU.
    ///
    /// Its sums are those of a whole tile's inputs: an output's error is in proportion to the largest of the 6 x 6 input pixels of its tile, about
    /// twice that of `Im2col` where all are of like size. A tile with NaN or infinity in it is summed up term by term.
    Winograd,
}

impl Strategy {
    /// Every strategy there is. A plan refuses one that is not applicable, with [`Error::Unsupported`](crate::Error::Unsupported).
    pub const ALL: &'static [Self] = &[Self::Im2col, Self::Fused, Self::FusedCooperative, Self::Winograd];

    /// The name of the strategy in benchmarks and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Im2col => "im2col",
            Self::Fused => "fused",
            Self::FusedCooperative => "fused-cooperative",
            Self::Winograd => "winograd",
        }
    }

    /// The rule.
    pub(crate) fn of(gpu: &Gpu, problem: &Problem) -> Self {
        let (capabilities, geometry, data) = (gpu.capabilities(), &problem.geometry, problem.dtypes[0]);
        if capabilities.software() {
            if winograd::pays(gpu, problem) { Self::Winograd } else { Self::Im2col }
        } else if data == DType::F16 && geometry.group_out_channels() > 32 && Matrices::of(capabilities).is_some() {
            Self::FusedCooperative
        } else {
            Self::Fused
        }
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
