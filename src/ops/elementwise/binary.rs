use crate::error::Result;
use crate::geometry::{Binary, BinaryGeometry, BinaryGradients, BinaryInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::binary::BINARY;
use crate::ops::elementwise::broadcast::{Elementwise, gradient};
use crate::ops::plan::Destination;
use crate::ops::plan::{Argument, Contract, run};
use crate::ops::plan::{plan, rounded, widened};

/// A [`Binary`] bound to a device and shapes.
pub struct BinaryPlan {
    contract: Contract<BinaryInputs<TensorSpec>>,
    geometry: BinaryGeometry,
}

plan!(BinaryPlan, |plan| { geometry: plan.geometry });

impl BinaryPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape): see [`BinaryGeometry::new`].
    pub fn new(gpu: &Gpu, op: &Binary, inputs: &BinaryInputs<TensorSpec>) -> Result<Self> {
        let geometry = BinaryGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, BinaryInputs::named, geometry.output_shape())?;
        gpu.compile(&BINARY)?;
        Ok(Self { contract, geometry })
    }

    /// Records the function into a new tensor of the broadcast shape.
    ///
    /// # Errors
    /// As [`BinaryPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, inputs: &BinaryInputs<&Tensor>) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, inputs, &output)?;
        Ok(output)
    }

    /// Records the function into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for.
    pub fn forward_into(&self, recorder: &mut Recorder, inputs: &BinaryInputs<&Tensor>, output: &Tensor) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        self.contract.check(recorder, BinaryInputs::named, given.named(), output)?;
        recorder.op(|recorder| {
            let inputs = inputs.try_map(|tensor| widened(recorder, tensor))?;
            rounded(recorder, output, |recorder, output| {
                let (op, axes) = (Some(self.geometry.op), self.geometry.axes());
                let elementwise = Elementwise { op, scale: 1.0, axes, accumulate: false };
                elementwise.record(recorder, [&inputs.a, &inputs.b], output)
            })
        })
    }

    /// Records the gradients that are wanted, of the sum of `output * grad_output`, into new tensors.
    ///
    /// # Errors
    /// As [`BinaryPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &BinaryInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &BinaryGradients<()>,
    ) -> Result<BinaryGradients<Tensor>> {
        let BinaryInputs { a, b } = self.contract.inputs;
        let specs = wanted.of(BinaryGradients { a: Some(a), b: Some(b) })?;
        let gradients = specs.try_map(|&TensorSpec { shape, dtype }| Tensor::new(recorder.gpu(), shape, dtype))?;
        self.backward_into(recorder, inputs, grad_output, &gradients.map(|gradient| gradient))?;
        Ok(gradients)
    }

    /// Records the gradients that have a destination: each is `grad_output`, times the other operand where that is a factor, summed over the
    /// axes along which the operand is repeated. Where the output has no batch, these sums are 0.
    ///
    /// # Errors
    /// As [`BinaryPlan::forward_into`], with gradients for outputs; [`Error::Attribute`](crate::Error::Attribute) where two of them overlap.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &BinaryInputs<&Tensor>,
        grad_output: &Tensor,
        destinations: &BinaryGradients<impl Into<Destination<'a>> + Copy>,
    ) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        let destinations = destinations.map(|&destination| destination.into());
        self.contract.check_backward(
            recorder,
            BinaryInputs::named,
            given.named(),
            grad_output,
            destinations.named(),
        )?;
        let axes = &self.geometry.axes();
        recorder.op(|recorder| {
            let grad_output = &widened(recorder, grad_output)?;
            for (operand, destination, other) in [(0, destinations.a, inputs.b), (1, destinations.b, inputs.a)] {
                let Some(destination) = destination else { continue };
                let factor = match self.geometry.op {
                    Binary::Add => None,
                    Binary::Mul => Some(widened(recorder, other)?),
                };
                gradient(recorder, axes, operand, factor.as_ref(), grad_output, destination)?;
            }
            Ok(())
        })
    }
}

impl Binary {
    /// The function of two tensors, in a new tensor of the broadcast shape, submitted.
    ///
    /// # Errors
    /// As [`BinaryPlan::new`] and [`BinaryPlan::forward`].
    pub fn forward(&self, inputs: &BinaryInputs<&Tensor>) -> Result<Tensor> {
        let gpu = inputs.a.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || BinaryPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.forward(recorder, inputs))
    }

    /// The gradients that are wanted, of the sum of `output * grad_output`, in new tensors, submitted.
    ///
    /// # Errors
    /// As [`BinaryPlan::new`] and [`BinaryPlan::backward`].
    pub fn backward(
        &self,
        inputs: &BinaryInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &BinaryGradients<()>,
    ) -> Result<BinaryGradients<Tensor>> {
        let gpu = inputs.a.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || BinaryPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.backward(recorder, inputs, grad_output, wanted))
    }
}
