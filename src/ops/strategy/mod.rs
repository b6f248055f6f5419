//! Which family of kernels does a convolution, and what a plan keeps of it.
//!
//! The rule, where no strategy is forced:
//!
//! 1. `Im2col` on adapters that run on the CPU, which emulate workgroup memory and barriers;
//! 2. `FusedCooperative` for f16 where the caller has asked for it, the device has it, and groups have more than 32 output channels, so that
//!    tiles are filled; not for bf16, whose range is beyond that of f16;
//! 3. `Fused` else.
//!
//! Which of its kernels `Fused` uses follows from the geometry alone: see `Family` in fused.rs. A strategy that is forced where it is not
//! applicable is `Error::Unsupported`.
//!
//! Gradients are by columns, whatever the strategy of the forward pass.

mod fused;
mod im2col;
mod im2col_backward;

use std::sync::OnceLock;

use fused::FusedConvolution;
use im2col::Im2colConvolution;
use im2col_backward::Im2colBackward;

use super::backward::get_or_try_init;
use super::columns::Sampler;
use super::weight::{Packed, PackedWeight, Weight};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Conv2dGeometry, Deformation};
use crate::gpu::{Capabilities, Gpu, Recorder, Tensor};
use crate::kernels::fused_cooperative::Matrices;

/// A family of kernels for a convolution. The choice follows from the device and the geometry; tests and benchmarks force it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Channels last, columns in strips of output pixels, a matrix product for each strip. The fast one on adapters that run on the CPU.
    Im2col,
    /// Channels last, and tiles of the output that sample what they need: no columns in memory. The fast one on GPUs.
    Fused,
    /// The same by cooperative matrices, for data of 16 bits: samples and weights are rounded to f16, of which they must be in range, and summed
    /// in f32. For devices on which [`GpuOptions::cooperative_matrices`](crate::GpuOptions::cooperative_matrices) found them, or a caller's own
    /// that has them enabled.
    FusedCooperative,
}

impl Strategy {
    /// Every strategy there is. A plan refuses one that is not applicable, with [`Error::Unsupported`](crate::Error::Unsupported).
    pub const ALL: &'static [Self] = &[Self::Im2col, Self::Fused, Self::FusedCooperative];

    /// Its name in benchmarks and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Im2col => "im2col",
            Self::Fused => "fused",
            Self::FusedCooperative => "fused-cooperative",
        }
    }

    /// The rule.
    fn of(capabilities: &Capabilities, geometry: &Conv2dGeometry, data: DType) -> Self {
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

/// Compiles what the forward pass of any convolution may need on this device, beside what a plan of one pixel does.
pub(super) fn compile_all(gpu: &Gpu) -> Result<()> {
    if gpu.capabilities().software() { im2col::compile_all(gpu) } else { fused::compile_all(gpu) }
}

/// A convolution, plain or deformable, by a strategy.
pub(super) struct Convolution {
    geometry: Conv2dGeometry,
    deformation: Option<Deformation>,
    /// Of data and weight.
    dtypes: [DType; 2],
    forward: Forward,
    /// For the backward pass, where the forward has none; made by the first, as what it needs beside.
    columns: OnceLock<Im2colConvolution>,
    backward: OnceLock<Im2colBackward>,
}

enum Forward {
    Im2col(Im2colConvolution),
    Fused(FusedConvolution),
}

impl Convolution {
    /// By the strategy that is forced, or else by the rule, for data and a weight that are stored so.
    pub(super) fn new(
        gpu: &Gpu,
        geometry: Conv2dGeometry,
        deformation: Option<Deformation>,
        dtypes @ [data, _]: [DType; 2],
        strategy: Option<Strategy>,
    ) -> Result<Self> {
        let forward = match strategy.unwrap_or_else(|| Strategy::of(gpu.capabilities(), &geometry, data)) {
            Strategy::Im2col => Forward::Im2col(Im2colConvolution::new(gpu, geometry, deformation, dtypes)?),
            Strategy::Fused => Forward::Fused(FusedConvolution::new(gpu, geometry, deformation, dtypes)?),
            Strategy::FusedCooperative => {
                Forward::Fused(FusedConvolution::cooperative(gpu, geometry, deformation, dtypes)?)
            }
        };
        Ok(Self { geometry, deformation, dtypes, forward, columns: OnceLock::new(), backward: OnceLock::new() })
    }

    pub(super) fn strategy(&self) -> Strategy {
        match &self.forward {
            Forward::Im2col(_) => Strategy::Im2col,
            Forward::Fused(convolution) => convolution.strategy(),
        }
    }

    /// Records the packing of a weight into a tensor of its own.
    pub(super) fn pack_weight(&self, recorder: &mut Recorder, weight: &Tensor) -> Result<PackedWeight> {
        match &self.forward {
            Forward::Im2col(convolution) => convolution.pack_weight(recorder, weight),
            Forward::Fused(convolution) => convolution.pack_weight(recorder, weight),
        }
    }

    /// The packed weight: given so, or packed now, into workspace.
    pub(super) fn weight(&self, recorder: &mut Recorder, weight: Weight) -> Result<Packed> {
        match &self.forward {
            Forward::Im2col(convolution) => convolution.weight(recorder, weight),
            Forward::Fused(convolution) => convolution.weight(recorder, weight),
        }
    }

    /// Records the convolution with a packed weight.
    pub(super) fn forward(
        &self,
        recorder: &mut Recorder,
        sampler: &Sampler,
        packed_weight: &Packed,
        bias: Option<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        match (&self.forward, packed_weight) {
            (Forward::Im2col(convolution), Packed::Quads(weight)) => {
                convolution.forward(recorder, sampler, weight, bias, output.into())
            }
            (Forward::Fused(convolution), Packed::Tensor(weight)) => {
                convolution.forward(recorder, sampler, weight, bias, output)
            }
            _ => Err(Error::Validation("the weight was packed by another strategy".to_string())),
        }
    }

    /// What the backward pass needs, compiled by the first call.
    pub(super) fn by_columns(&self, gpu: &Gpu) -> Result<(&Im2colConvolution, &Im2colBackward)> {
        let convolution = match &self.forward {
            Forward::Im2col(convolution) => convolution,
            Forward::Fused(_) => get_or_try_init(&self.columns, || {
                Im2colConvolution::new(gpu, self.geometry, self.deformation, self.dtypes)
            })?,
        };
        let backward = get_or_try_init(&self.backward, || Im2colBackward::new(gpu, convolution, self.dtypes))?;
        Ok((convolution, backward))
    }
}
