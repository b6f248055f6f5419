use crate::error::Result;
use crate::geometry::{DeformConv2d, DeformConv2dGeometry, DeformConv2dGradients, DeformConv2dInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::conv::columns::Sampler;
use crate::ops::conv::strategy::Convolution;
use crate::ops::conv::strategy::Strategy;
use crate::ops::conv::weight::{PackedWeight, Weight};
use crate::ops::plan::Destination;
use crate::ops::plan::widened;
use crate::ops::plan::{Argument, Contract, plan, run};

/// A [`DeformConv2d`] bound to a device and shapes: what a model keeps.
pub struct DeformConv2dPlan {
    contract: Contract<DeformConv2dInputs<TensorSpec>>,
    geometry: DeformConv2dGeometry,
    convolution: Convolution,
}

plan!(DeformConv2dPlan, |plan| { geometry: plan.geometry, strategy: plan.strategy() });

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
    /// As [`DeformConv2dPlan::new`]; [`Error::Unsupported`](crate::Error::Unsupported) where the strategy is not applicable.
    pub fn with_strategy(
        gpu: &Gpu,
        op: &DeformConv2d,
        inputs: &DeformConv2dInputs<TensorSpec>,
        strategy: Option<Strategy>,
    ) -> Result<Self> {
        let geometry = DeformConv2dGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, DeformConv2dInputs::named, geometry.output_shape())?;
        let dtypes = [inputs.input.dtype, inputs.weight.dtype];
        let convolution = Convolution::new(gpu, geometry.conv2d, Some(geometry.deformation), dtypes, strategy)?;
        Ok(Self { contract, geometry, convolution })
    }

    /// The checked problem.
    pub fn geometry(&self) -> &DeformConv2dGeometry {
        &self.geometry
    }

    /// The family of kernels that does it.
    pub fn strategy(&self) -> Strategy {
        self.convolution.strategy()
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
    /// other groups or another strategy; [`Error::Limit`](crate::Error::Limit) where one row of the columns, or one output channel of the weight, is beyond
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
            let weight = self.convolution.weight(recorder, weight)?;
            let bias = bias.map(|bias| widened(recorder, bias)).transpose()?;
            let sampler = Sampler { input, offset: Some(offset), mask };
            self.convolution.forward(recorder, &sampler, &weight, bias.as_ref(), output)
        })
    }

    /// Records the gradients that are wanted, of the sum of `output * grad_output`, into new tensors; `ALL` stands for those of inputs that there are.
    ///
    /// The first call compiles what the backward pass needs.
    ///
    /// # Errors
    /// As [`DeformConv2dPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &DeformConv2dGradients<()>,
    ) -> Result<DeformConv2dGradients<Tensor>> {
        let DeformConv2dInputs { input, offset, weight, mask, bias } = self.contract.inputs;
        let (input, offset, weight) = (Some(input), Some(offset), Some(weight));
        let specs = wanted.of(DeformConv2dGradients { input, offset, weight, mask, bias })?;
        let gradients = specs.try_map(|&TensorSpec { shape, dtype }| Tensor::new(recorder.gpu(), shape, dtype))?;
        self.backward_into(recorder, inputs, grad_output, &gradients.map(|gradient| gradient))?;
        Ok(gradients)
    }

    /// Records the gradients that have a destination, which is written or added to. Nothing is kept from the forward pass.
    ///
    /// At positions that are whole numbers the derivative is the right-hand one; at exactly -1,
    /// [`EdgeDerivative`](crate::geometry::EdgeDerivative) says. A sample whose offset is not finite has none, and gives none. The same
    /// inputs give the same bits on a device, whatever runs beside.
    ///
    /// # Errors
    /// As [`DeformConv2dPlan::forward_into`], with gradients for outputs; [`Error::Shape`](crate::Error::Shape) for the gradient of an input
    /// that is absent; [`Error::Attribute`](crate::Error::Attribute) where two gradients overlap.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &DeformConv2dInputs<&Tensor>,
        grad_output: &Tensor,
        destinations: &DeformConv2dGradients<impl Into<Destination<'a>> + Copy>,
    ) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        let destinations = destinations.map(|&destination| destination.into());
        let named = destinations.named();
        self.contract.check_backward(recorder, DeformConv2dInputs::named, given.named(), grad_output, named)?;
        let gpu = recorder.gpu().clone();
        let (convolution, backward) = self.convolution.by_columns(&gpu)?;
        recorder.op(|recorder| {
            let DeformConv2dInputs { input, offset, weight, mask, .. } = *inputs;
            let sampler = Sampler { input, offset: Some(offset), mask };
            convolution.backward(recorder, backward, &sampler, weight, grad_output, &destinations)
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

    /// The gradients that are wanted, of the sum of `output * grad_output`, in new tensors, submitted.
    ///
    /// ```no_run
    /// # fn example(
    /// #     op: pliant::geometry::DeformConv2d,
    /// #     inputs: pliant::geometry::DeformConv2dInputs<&pliant::Tensor>,
    /// #     grad_output: pliant::Tensor,
    /// # ) -> pliant::Result<()> {
    /// use pliant::geometry::DeformConv2dGradients;
    ///
    /// let all = op.backward(&inputs, &grad_output, &DeformConv2dGradients::ALL)?;
    /// let wanted = DeformConv2dGradients { weight: Some(()), ..Default::default() };
    /// let weight_only = op.backward(&inputs, &grad_output, &wanted)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`DeformConv2dPlan::new`] and [`DeformConv2dPlan::backward`].
    pub fn backward(
        &self,
        inputs: &DeformConv2dInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &DeformConv2dGradients<()>,
    ) -> Result<DeformConv2dGradients<Tensor>> {
        let gpu = inputs.input.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || DeformConv2dPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.backward(recorder, inputs, grad_output, wanted))
    }
}
