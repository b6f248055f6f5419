use super::columns::Sampler;
use super::convert::{rounded, widened};
use super::strategy::im2col::Im2colConvolution;
use super::{Argument, Contract, PackedWeight, Strategy, Weight, run};
use crate::error::Result;
use crate::geometry::{Conv2d, Conv2dGeometry, Conv2dInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};

/// A [`Conv2d`] bound to a device and shapes.
pub struct Conv2dPlan {
    contract: Contract<Conv2dInputs<TensorSpec>>,
    geometry: Conv2dGeometry,
    strategy: Strategy,
    convolution: Im2colConvolution,
}

impl Conv2dPlan {
    /// Checks the problem, chooses a strategy, and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), [`Error::DType`](crate::Error::DType).
    pub fn new(gpu: &Gpu, op: &Conv2d, inputs: &Conv2dInputs<TensorSpec>) -> Result<Self> {
        Self::with_strategy(gpu, op, inputs, None)
    }

    /// The same with the strategy forced, if one is given.
    ///
    /// # Errors
    /// As [`Conv2dPlan::new`].
    pub fn with_strategy(
        gpu: &Gpu,
        op: &Conv2d,
        inputs: &Conv2dInputs<TensorSpec>,
        strategy: Option<Strategy>,
    ) -> Result<Self> {
        let geometry = Conv2dGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, Conv2dInputs::named, geometry.output_shape())?;
        let strategy = strategy.unwrap_or(Strategy::Im2col);
        let convolution = match strategy {
            Strategy::Im2col => Im2colConvolution::new(gpu, geometry, None)?,
        };
        Ok(Self { contract, geometry, strategy, convolution })
    }

    /// The checked problem.
    pub fn geometry(&self) -> &Conv2dGeometry {
        &self.geometry
    }

    /// The family of kernels that does it.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Records the packing of a weight, once for many calls.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where the weight is not what the plan was made for.
    pub fn pack_weight(&self, recorder: &mut Recorder, weight: &Tensor) -> Result<PackedWeight> {
        self.contract.check_argument(recorder, "weight", &self.contract.inputs.weight, weight.into())?;
        self.convolution.pack_weight(recorder, weight)
    }

    /// Records the convolution into a new tensor (batch, out_channels, out_height, out_width).
    ///
    /// # Errors
    /// As [`Conv2dPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &Conv2dInputs<&Tensor, impl Into<Weight<'a>> + Copy>,
    ) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, inputs, &output)?;
        Ok(output)
    }

    /// Records the convolution into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made
    /// for; [`Error::Attribute`](crate::Error::Attribute) where `output` shares its buffer with an input, or the weight was packed for
    /// other groups; [`Error::Limit`](crate::Error::Limit) where one row of the columns, or one output channel of the weight, is beyond
    /// what the device binds.
    pub fn forward_into<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &Conv2dInputs<&Tensor, impl Into<Weight<'a>> + Copy>,
        output: &Tensor,
    ) -> Result<()> {
        let Conv2dInputs { input, weight, bias } = *inputs;
        let weight = weight.into();
        let given =
            Conv2dInputs { input: Argument::from(input), weight: weight.into(), bias: bias.map(Argument::from) };
        self.contract.check(recorder, Conv2dInputs::named, given.named(), output)?;
        recorder.op(|recorder| {
            let input = widened(recorder, input)?;
            let weight = self.convolution.weight(recorder, weight)?;
            let bias = bias.map(|bias| widened(recorder, bias)).transpose()?;
            let sampler = Sampler { input: &input, offset: None, mask: None };
            rounded(recorder, output, |recorder, output| {
                self.convolution.forward(recorder, &sampler, &weight, bias.as_ref(), output)
            })
        })
    }
}

impl Conv2d {
    /// The convolution, in a new tensor (batch, out_channels, out_height, out_width), submitted.
    ///
    /// # Errors
    /// As [`Conv2dPlan::new`] and [`Conv2dPlan::forward`].
    pub fn forward(&self, inputs: &Conv2dInputs<&Tensor>) -> Result<Tensor> {
        let gpu = inputs.input.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || Conv2dPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.forward(recorder, inputs))
    }
}
