use super::convert::{rounded, widened};
use super::{Contract, in_pieces, run};
use crate::error::Result;
use crate::geometry::{Unary, UnaryGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::unary::{UNARY, operation, unary};

/// A [`Unary`] bound to a device and a shape.
pub struct UnaryPlan {
    contract: Contract<TensorSpec>,
    geometry: UnaryGeometry,
}

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
}
