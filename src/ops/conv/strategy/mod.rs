//! A convolution by a strategy: what a plan keeps of it.

mod fused;
mod im2col;
mod im2col_backward;
pub(crate) mod rule;

use std::fmt;
use std::sync::OnceLock;

use fused::FusedConvolution;
use im2col::Im2colConvolution;
use im2col_backward::Im2colBackward;
pub use rule::Strategy;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Conv2dGeometry, DeformConv2dGradients, Deformation, Members, Of};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::conv::chains::Chaining;
use crate::ops::conv::columns::SampleSource;
use crate::ops::conv::weight::PackedWeight;
use crate::ops::plan::{Argument, Destination, Kernels, Plan, ToSpec, get_or_try_init};

/// Compiles what the forward pass of any convolution may need on this device, beside what a plan of one pixel does.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    if gpu.capabilities().software() { im2col::compile_all(gpu) } else { fused::compile_all(gpu) }
}

/// A convolution, plain or deformable, by a strategy.
pub struct Convolution {
    geometry: Conv2dGeometry,
    deformation: Option<Deformation>,
    /// The element types of data and weight.
    dtypes: [DType; 2],
    forward: Forward,
    /// The columns for the backward pass, where the forward pass has none; made by the first backward pass, as is `backward`.
    columns: OnceLock<Im2colConvolution>,
    backward: OnceLock<Im2colBackward>,
}

enum Forward {
    Im2col(Im2colConvolution),
    Fused(FusedConvolution),
}

impl fmt::Debug for Convolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Convolution").field("strategy", &self.strategy()).finish_non_exhaustive()
    }
}

impl Convolution {
    /// Plans a convolution by the strategy that is forced, or else by the rule, for data and a weight of the given element types.
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

    /// Records the convolution.
    pub(crate) fn forward(
        &self,
        recorder: &mut Recorder,
        source: &SampleSource,
        weight: Argument,
        bias: Option<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let bias = bias.map(|bias| bias.wide(recorder)).transpose()?;
        match &self.forward {
            Forward::Im2col(convolution) => {
                let weight = convolution.weight(recorder, weight)?;
                convolution.forward(recorder, source, &weight, bias.as_ref(), output.into())
            }
            Forward::Fused(convolution) => {
                let weight = convolution.weight(recorder, weight)?;
                convolution.forward(recorder, source, &weight, bias.as_ref(), output)
            }
        }
    }

    /// Records the vector-Jacobian products that have a destination.
    pub(crate) fn backward(
        &self,
        recorder: &mut Recorder,
        source: &SampleSource,
        weight: &Tensor,
        grad_output: &Tensor,
        destinations: &DeformConv2dGradients<Destination>,
    ) -> Result<()> {
        let gpu = recorder.gpu().clone();
        let (convolution, backward) = self.by_columns(&gpu)?;
        convolution.backward(recorder, backward, source, weight, grad_output, destinations)
    }

    /// The columns and the plan of the backward pass, compiled by the first call.
    fn by_columns(&self, gpu: &Gpu) -> Result<(&Im2colConvolution, &Im2colBackward)> {
        let (convolution, chaining) = match &self.forward {
            Forward::Im2col(convolution) => (convolution, Chaining::of(gpu.capabilities())),
            Forward::Fused(_) => {
                let columns = || Im2colConvolution::new(gpu, self.geometry, self.deformation, self.dtypes);
                (get_or_try_init(&self.columns, columns)?, Chaining::Sorted)
            }
        };
        let backward = || Im2colBackward::new(gpu, convolution, self.dtypes, chaining);
        let backward = get_or_try_init(&self.backward, backward)?;
        Ok((convolution, backward))
    }
}

/// An op that is a [`Convolution`].
pub(crate) trait Convolves: Kernels<Compiled = Convolution> {
    /// The convolution by the strategy that is forced, or else by the rule.
    fn convolution(
        gpu: &Gpu,
        geometry: &Self::Geometry,
        inputs: &Of<Self::Inputs, TensorSpec>,
        strategy: Option<Strategy>,
    ) -> Result<Convolution>;

    /// The spec of the weight.
    fn weight(geometry: &Self::Geometry, convolution: &Convolution) -> TensorSpec {
        TensorSpec { shape: Self::conv2d(geometry).weight_shape(), dtype: convolution.dtypes[1] }
    }

    fn conv2d(geometry: &Self::Geometry) -> &Conv2dGeometry;
}

#[expect(private_bounds, reason = "no op of others is a convolution of ours")]
impl<O: Convolves> Plan<O> {
    /// Makes the plan with the strategy forced, if one is given.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) where the strategy is not applicable; [`Error::Shape`](crate::Error::Shape),
    /// [`Error::Attribute`](crate::Error::Attribute) with the two figures that disagree; [`Error::Limit`](crate::Error::Limit),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
    pub fn with_strategy<S: ToSpec>(
        gpu: &Gpu,
        op: &O,
        inputs: &Of<O::Inputs, S>,
        strategy: Option<Strategy>,
    ) -> Result<Self> {
        let geometry = op.geometry(&O::Inputs::map(inputs, |input| input.to_spec().shape))?;
        Self::compiled_by(gpu, geometry, inputs, |gpu, geometry, specs| O::convolution(gpu, geometry, specs, strategy))
    }

    /// The family of kernels that does the forward pass.
    pub fn strategy(&self) -> Strategy {
        self.compiled().strategy()
    }

    /// Records the packing of a weight, once for many calls.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where the weight is not what the plan was made for.
    pub fn pack_weight(&self, recorder: &mut Recorder, weight: &Tensor) -> Result<PackedWeight> {
        let planned = O::weight(self.geometry(), self.compiled());
        self.check_argument(recorder, "weight", &planned, weight.into())?;
        self.compiled().pack_weight(recorder, weight)
    }
}
