//! Which family of kernels does a convolution.
//!
//! The rule, where no strategy is forced and no choice was measured:
//!
//! 1. `Im2col` on adapters that run on the CPU, which emulate workgroup memory and barriers;
//! 2. `FusedCooperative` for f16 where the caller has asked for it, the device has it, and groups have more than 32 output channels, so that
//!    tiles are filled; not for bf16, whose range is beyond that of f16;
//! 3. `Fused` else.
//!
//! Which of its kernels `Fused` uses follows from the geometry, and from whether the device has few registers: see `Family` in tiles.rs. A
//! strategy that is forced where it is not applicable is `Error::Unsupported`.
//!
//! Gradients are by columns, whatever the strategy of the forward pass. That of the input of a deformable convolution is gathered by samples that are
//! chained as suits the adapters of the strategy: see `Chaining`.

use crate::dtype::DType;
use crate::geometry::Conv2dGeometry;
use crate::gpu::Capabilities;
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
}

impl Strategy {
    /// Every strategy there is. A plan refuses one that is not applicable, with [`Error::Unsupported`](crate::Error::Unsupported).
    pub const ALL: &'static [Self] = &[Self::Im2col, Self::Fused, Self::FusedCooperative];

    /// The name of the strategy in benchmarks and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Im2col => "im2col",
            Self::Fused => "fused",
            Self::FusedCooperative => "fused-cooperative",
        }
    }

    /// The rule.
    pub(crate) fn of(capabilities: &Capabilities, geometry: &Conv2dGeometry, data: DType) -> Self {
        if capabilities.software() {
            Self::Im2col
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
