use crate::error::Result;
use crate::geometry::{Unary, UnaryGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::unary::{UNARY, operation, unary};
use crate::kernels::elementwise::unary_backward::unary_backward;
use crate::ops::plan::{Contract, in_pieces, run};
use crate::ops::plan::{Destination, Gradient, plan};
use crate::ops::plan::{rounded, widened};

/// A [`Unary`] bound to a device and a shape.
pub struct UnaryPlan {
    contract: Contract<TensorSpec>,
    geometry: UnaryGeometry,
}

plan!(UnaryPlan, |plan| { geometry: plan.geometry });

impl UnaryPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute): see [`UnaryGeometry::new`].
    pub fn new(gpu: &Gpu, op: &Unary, input: TensorSpec) -> Result<Self> {
        let geometry = UnaryGeometry::new(op, input.shape)?;
        let contract = Contract::new(gpu, input, |spec| [("input", Some(spec))], geometry.output_shape())?;
        gpu.compile(&UNARY)?;
        Ok(Self { contract, geometry })
    }

    /// Records the function into a new tensor of the input's shape.
    ///
    /// # Errors
    /// As [`UnaryPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, input: &Tensor) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, input, &output)?;
        Ok(output)
    }

    /// Records the function into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for.
    pub fn forward_into(&self, recorder: &mut Recorder, input: &Tensor, output: &Tensor) -> Result<()> {
        self.contract.check(recorder, |spec| [("input", Some(spec))], [("input", Some(&input.into()))], output)?;
        let UnaryGeometry { op, shape } = self.geometry;
        recorder.op(|recorder| {
            let input = widened(recorder, input)?;
            rounded(recorder, output, |recorder, output| {
                let whole = 0..shape.elements() as u32;
                in_pieces([whole], &mut |[piece]| {
                    let elements = piece.end - piece.start;
                    let range = piece.start.into()..piece.end.into();
                    let parts = [&input.part("input", range.clone())?, &output.part("output", range)?];
                    recorder.gpu().capabilities().check_elements("output", elements.into())?;
                    unary(recorder, op, elements, parts)
                })
            })
        })
    }

    /// Records the gradient of the sum of `output * grad_output` into a new tensor of the input's shape.
    ///
    /// # Errors
    /// As [`UnaryPlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(&self, recorder: &mut Recorder, input: &Tensor, grad_output: &Tensor) -> Result<Tensor> {
        let TensorSpec { shape, dtype } = self.contract.inputs;
        let gradient = Tensor::new(recorder.gpu(), shape, dtype)?;
        self.backward_into(recorder, input, grad_output, &gradient)?;
        Ok(gradient)
    }

    /// Records the gradient: the function's derivative at each element of the input, times `grad_output`. A relu's derivative at 0 is 0, a
    /// clip's on its bounds 1. Where the input is NaN, both have the derivative 0; sigmoid and tanh have NaN.
    ///
    /// # Errors
    /// As [`UnaryPlan::forward_into`], with the gradient for an output.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        grad_output: &Tensor,
        destination: impl Into<Destination<'a>>,
    ) -> Result<()> {
        let destination = destination.into();
        self.contract.check_backward(
            recorder,
            |spec| [("input", Some(spec))],
            [("input", Some(&input.into()))],
            grad_output,
            std::iter::once(("grad_input", &destination)),
        )?;
        let UnaryGeometry { op, shape } = self.geometry;
        recorder.op(|recorder| {
            let input = widened(recorder, input)?;
            let grad_output = widened(recorder, grad_output)?;
            let gradient = Gradient::begin(recorder, destination)?;
            let whole = 0..shape.elements() as u32;
            in_pieces([whole], &mut |[piece]| {
                let elements = piece.end - piece.start;
                let range = || piece.start.into()..piece.end.into();
                let parts = [
                    &input.part("input", range())?,
                    &grad_output.part("grad_output", range())?,
                    &gradient.tensor.part("grad_input", range())?,
                ];
                recorder.gpu().capabilities().check_elements("grad_input", elements.into())?;
                unary_backward(recorder, op, elements, gradient.accumulate, parts)
            })?;
            gradient.finish(recorder)
        })
    }
}

impl Unary {
    /// The function of each element, in a new tensor of the input's shape, submitted.
    ///
    /// # Errors
    /// As [`UnaryPlan::new`] and [`UnaryPlan::forward`].
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (gpu, spec) = (input.gpu(), input.spec());
        let plan = gpu.plan((operation(*self), spec), || UnaryPlan::new(gpu, self, spec))?;
        run(gpu, |recorder| plan.forward(recorder, input))
    }

    /// The gradient of the sum of `output * grad_output`, in a new tensor of the input's shape, submitted.
    ///
    /// # Errors
    /// As [`UnaryPlan::new`] and [`UnaryPlan::backward`].
    pub fn backward(&self, input: &Tensor, grad_output: &Tensor) -> Result<Tensor> {
        let (gpu, spec) = (input.gpu(), input.spec());
        let plan = gpu.plan((operation(*self), spec), || UnaryPlan::new(gpu, self, spec))?;
        run(gpu, |recorder| plan.backward(recorder, input, grad_output))
    }
}
