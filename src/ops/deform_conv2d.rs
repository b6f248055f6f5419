use super::columns::Sampler;
use super::convert::{rounded, widened};
use super::strategy::im2col::Im2colConvolution;
use super::{Argument, Contract, PackedWeight, Strategy, Weight, run};
use crate::error::Result;
use crate::geometry::{DeformConv2d, DeformConv2dGeometry, DeformConv2dInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};

/// A [`DeformConv2d`] bound to a device and shapes: what a model keeps.
pub struct DeformConv2dPlan {
    contract: Contract<DeformConv2dInputs<TensorSpec>>,
    geometry: DeformConv2dGeometry,
    strategy: Strategy,
    convolution: Im2colConvolution,
}

impl DeformConv2dPlan {
    /// Checks the problem, chooses a strategy, and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), [`Error::DType`](crate::Error::DType).
    pub fn new(gpu: &Gpu, op: &DeformConv2d, inputs: &DeformConv2dInputs<TensorSpec>) -> Result<Self> {
        Self::with_strategy(gpu, op, inputs, None)
    }

    /// The same with the strategy forced, if one is given.
    ///
    /// # Errors
    /// As [`DeformConv2dPlan::new`].
    pub fn with_strategy(
        gpu: &Gpu,
        op: &DeformConv2d,
        inputs: &DeformConv2dInputs<TensorSpec>,
        strategy: Option<Strategy>,
    ) -> Result<Self> {
        let geometry = DeformConv2dGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, DeformConv2dInputs::named, geometry.output_shape())?;
        let strategy = strategy.unwrap_or(Strategy::Im2col);
        let convolution = match strategy {
            Strategy::Im2col => Im2colConvolution::new(gpu, geometry.conv2d, Some(geometry.deformation))?,
        };
        Ok(Self { contract, geometry, strategy, convolution })
    }

    /// The checked problem.
    pub fn geometry(&self) -> &DeformConv2dGeometry {
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
    /// As [`DeformConv2dPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<&Tensor, impl Into<Weight<'a>> + Copy>,
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
        inputs: &DeformConv2dInputs<&Tensor, impl Into<Weight<'a>> + Copy>,
        output: &Tensor,
    ) -> Result<()> {
        let DeformConv2dInputs { input, offset, weight, mask, bias } = *inputs;
        let weight = weight.into();
        let given = DeformConv2dInputs {
            input: Argument::from(input),
            offset: offset.into(),
            weight: weight.into(),
            mask: mask.map(Argument::from),
            bias: bias.map(Argument::from),
        };
        self.contract.check(recorder, DeformConv2dInputs::named, given.named(), output)?;
        recorder.op(|recorder| {
            let input = widened(recorder, input)?;
            let offset = widened(recorder, offset)?;
            let mask = mask.map(|mask| widened(recorder, mask)).transpose()?;
            let weight = self.convolution.weight(recorder, weight)?;
            let bias = bias.map(|bias| widened(recorder, bias)).transpose()?;
            let sampler = Sampler { input: &input, offset: Some(&offset), mask: mask.as_ref() };
            rounded(recorder, output, |recorder, output| {
                self.convolution.forward(recorder, &sampler, &weight, bias.as_ref(), output)
            })
        })
    }
}

impl DeformConv2d {
    /// The convolution, in a new tensor (batch, out_channels, out_height, out_width), submitted.
    ///
    /// ```no_run
    /// # async fn example() -> pliant::Result<()> {
    /// use pliant::{DType, Gpu, Tensor, geometry::{DeformConv2d, DeformConv2dInputs}};
    ///
    /// // 4 images of 3 channels, 10x10; 5 output channels, kernel 3x3, no padding: the output is 8x8.
    /// let gpu = Gpu::new().await?;
    /// let inputs = DeformConv2dInputs {
    ///     input: &Tensor::upload(&gpu, [4, 3, 10, 10], &vec![1.0f32; 4 * 3 * 10 * 10])?,
    ///     offset: &Tensor::upload(&gpu, [4, 18, 8, 8], &vec![0.5f32; 4 * 18 * 8 * 8])?,
    ///     mask: Some(&Tensor::upload(&gpu, [4, 9, 8, 8], &vec![1.0f32; 4 * 9 * 8 * 8])?),
    ///     weight: &Tensor::upload(&gpu, [5, 3, 3, 3], &vec![0.1f32; 5 * 3 * 3 * 3])?,
    ///     bias: None,
    /// };
    /// let output = DeformConv2d::default().forward(&inputs)?;
    /// assert_eq!(output.shape(), [4, 5, 8, 8].into());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`DeformConv2dPlan::new`] and [`DeformConv2dPlan::forward`].
    pub fn forward(&self, inputs: &DeformConv2dInputs<&Tensor>) -> Result<Tensor> {
        let gpu = inputs.input.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || DeformConv2dPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.forward(recorder, inputs))
    }
}
