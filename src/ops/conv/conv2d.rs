use crate::error::Result;
use crate::geometry::{Conv2d, Conv2dGeometry, Conv2dGradients, Conv2dInputs, DeformConv2dGradients};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::conv::columns::Sampler;
use crate::ops::conv::strategy::Convolution;
use crate::ops::conv::strategy::Strategy;
use crate::ops::conv::weight::{PackedWeight, Weight};
use crate::ops::plan::Destination;
use crate::ops::plan::widened;
use crate::ops::plan::{Argument, Contract, plan, run};

/// A [`Conv2d`] bound to a device and shapes.
pub struct Conv2dPlan {
    contract: Contract<Conv2dInputs<TensorSpec>>,
    geometry: Conv2dGeometry,
    convolution: Convolution,
}

plan!(Conv2dPlan, |plan| { geometry: plan.geometry, strategy: plan.strategy() });

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
    /// As [`Conv2dPlan::new`]; [`Error::Unsupported`](crate::Error::Unsupported) where the strategy is not applicable.
    pub fn with_strategy(
        gpu: &Gpu,
        op: &Conv2d,
        inputs: &Conv2dInputs<TensorSpec>,
        strategy: Option<Strategy>,
    ) -> Result<Self> {
        let geometry = Conv2dGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, Conv2dInputs::named, geometry.output_shape())?;
        let convolution = Convolution::new(gpu, geometry, None, [inputs.input.dtype, inputs.weight.dtype], strategy)?;
        Ok(Self { contract, geometry, convolution })
    }

    /// The checked problem.
    pub fn geometry(&self) -> &Conv2dGeometry {
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
    /// other groups or another strategy; [`Error::Limit`](crate::Error::Limit) where one row of the columns, or one output channel of the weight, is beyond
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
            let weight = self.convolution.weight(recorder, weight)?;
            let bias = bias.map(|bias| widened(recorder, bias)).transpose()?;
            let sampler = Sampler { input, offset: None, mask: None };
            self.convolution.forward(recorder, &sampler, &weight, bias.as_ref(), output)
        })
    }

    /// Records the gradients that are wanted, of the sum of `output * grad_output`, into new tensors; `ALL` stands for those of inputs that there are.
    ///
    /// The first call compiles what the backward pass needs.
    ///
    /// # Errors
    /// As [`Conv2dPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &Conv2dInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &Conv2dGradients<()>,
    ) -> Result<Conv2dGradients<Tensor>> {
        let Conv2dInputs { input, weight, bias } = self.contract.inputs;
        let specs = wanted.of(Conv2dGradients { input: Some(input), weight: Some(weight), bias })?;
        let gradients = specs.try_map(|&TensorSpec { shape, dtype }| Tensor::new(recorder.gpu(), shape, dtype))?;
        self.backward_into(recorder, inputs, grad_output, &gradients.map(|gradient| gradient))?;
        Ok(gradients)
    }

    /// Records the gradients that have a destination, which is written or added to. Nothing is kept from the forward pass.
    ///
    /// The same inputs give the same bits on a device, whatever runs beside.
    ///
    /// # Errors
    /// As [`Conv2dPlan::forward_into`], with gradients for outputs; [`Error::Shape`](crate::Error::Shape) for the gradient of an input
    /// that is absent; [`Error::Attribute`](crate::Error::Attribute) where two gradients overlap.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &Conv2dInputs<&Tensor>,
        grad_output: &Tensor,
        destinations: &Conv2dGradients<impl Into<Destination<'a>> + Copy>,
    ) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        let destinations = destinations.map(|&destination| destination.into());
        let named = destinations.named();
        self.contract.check_backward(recorder, Conv2dInputs::named, given.named(), grad_output, named)?;
        let gpu = recorder.gpu().clone();
        let (convolution, backward) = self.convolution.by_columns(&gpu)?;
        recorder.op(|recorder| {
            let Conv2dGradients { input, weight, bias } = destinations;
            let gradients = DeformConv2dGradients { input, weight, bias, ..Default::default() };
            let sampler = Sampler { input: inputs.input, offset: None, mask: None };
            convolution.backward(recorder, backward, &sampler, inputs.weight, grad_output, &gradients)
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

    /// The gradients that are wanted, of the sum of `output * grad_output`, in new tensors, submitted.
    ///
    /// # Errors
    /// As [`Conv2dPlan::new`] and [`Conv2dPlan::backward`].
    pub fn backward(
        &self,
        inputs: &Conv2dInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &Conv2dGradients<()>,
    ) -> Result<Conv2dGradients<Tensor>> {
        let gpu = inputs.input.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || Conv2dPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.backward(recorder, inputs, grad_output, wanted))
    }
}
