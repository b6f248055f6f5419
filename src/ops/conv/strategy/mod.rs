//! A convolution by a strategy: what a plan keeps of it.

mod fused;
mod im2col;
mod im2col_backward;
pub(crate) mod rule;

use std::sync::OnceLock;

use fused::FusedConvolution;
use im2col::Im2colConvolution;
use im2col_backward::Im2colBackward;
pub use rule::Strategy;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Conv2dGeometry, Deformation};
use crate::gpu::{Gpu, Recorder, Tensor};
use crate::ops::conv::columns::Sampler;
use crate::ops::conv::weight::{Packed, PackedWeight, Weight};
use crate::ops::plan::get_or_try_init;

/// Compiles what the forward pass of any convolution may need on this device, beside what a plan of one pixel does.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    if gpu.capabilities().software() { im2col::compile_all(gpu) } else { fused::compile_all(gpu) }
}

/// A convolution, plain or deformable, by a strategy.
pub(crate) struct Convolution {
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
    pub(crate) fn new(
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

    pub(crate) fn strategy(&self) -> Strategy {
        match &self.forward {
            Forward::Im2col(_) => Strategy::Im2col,
            Forward::Fused(convolution) => convolution.strategy(),
        }
    }

    /// Records the packing of a weight into a tensor of its own.
    pub(crate) fn pack_weight(&self, recorder: &mut Recorder, weight: &Tensor) -> Result<PackedWeight> {
        match &self.forward {
            Forward::Im2col(convolution) => convolution.pack_weight(recorder, weight),
            Forward::Fused(convolution) => convolution.pack_weight(recorder, weight),
        }
    }

    /// The packed weight: given so, or packed now, into workspace.
    pub(crate) fn weight(&self, recorder: &mut Recorder, weight: Weight) -> Result<Packed> {
        match &self.forward {
            Forward::Im2col(convolution) => convolution.weight(recorder, weight),
            Forward::Fused(convolution) => convolution.weight(recorder, weight),
        }
    }

    /// Records the convolution with a packed weight.
    pub(crate) fn forward(
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
    pub(crate) fn by_columns(&self, gpu: &Gpu) -> Result<(&Im2colConvolution, &Im2colBackward)> {
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
