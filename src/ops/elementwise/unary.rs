use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{InputGradient, Unary, UnaryGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::unary::{self, unary};
use crate::kernels::elementwise::unary_backward::unary_backward;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, in_pieces};

impl Kernels for Unary {
    type Compiled = ();

    fn compile(gpu: &Gpu, _: &UnaryGeometry, _: &TensorSpec) -> Result<()> {
        gpu.compile::<unary::Kernel>(())
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let (&UnaryGeometry { op, shape }, input) = (plan.geometry(), input.tensor()?);
        let whole = 0..shape.elements() as u32;
        in_pieces([whole], &mut |[piece]| {
            let elements = piece.end - piece.start;
            let range = piece.start.into()..piece.end.into();
            let bindings = [&input.binding("input", range.clone())?, &output.binding("output", range)?];
            recorder.gpu().capabilities().check_elements("output", elements.into())?;
            unary(recorder, op, elements, bindings)
        })
    }

    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Clip { min: a, max: b }, Self::Clip { min: c, max: d }) => {
                [a, b].map(|bound| bound.to_bits()) == [c, d].map(|bound| bound.to_bits())
            }
            _ => self == other,
        }
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self::Relu, TensorSpec { shape: [1].into(), dtype: DType::F32 })
    }
}

/// The vector-Jacobian product: the function's derivative at each element of the input, times `grad_output`. A relu's derivative at 0 is 0,
/// a clip's on its bounds 1. Where the input is NaN, both have the derivative 0; sigmoid and tanh have NaN.
impl Differentiable for Unary {
    type Gradients = InputGradient;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        input: &Argument,
        grad_output: &Tensor,
        destination: &Destination,
    ) -> Result<()> {
        let &UnaryGeometry { op, shape } = plan.geometry();
        let input = input.wide(recorder)?;
        let whole = 0..shape.elements() as u32;
        in_pieces([whole], &mut |[piece]| {
            let elements = piece.end - piece.start;
            let range = || piece.start.into()..piece.end.into();
            let bindings = [
                &input.binding("input", range())?,
                &grad_output.binding("grad_output", range())?,
                &destination.tensor().binding("grad_input", range())?,
            ];
            recorder.gpu().capabilities().check_elements("grad_input", elements.into())?;
            unary_backward(recorder, op, elements, destination.accumulates(), bindings)
        })
    }
}
