use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{InputGradient, Unary, UnaryGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::unary::{self, function, unary};
use crate::kernels::elementwise::unary_backward::{self, unary_backward};
use crate::kernels::elementwise::unary_words::{self, Words, unary_words};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, in_pieces};

/// The function of words that does it of integers, or of floats whose bits it looks at.
fn words(op: Unary, dtype: DType) -> Option<(Words, [u32; 2])> {
    // The nearest integers to the bounds, which are none where they are beyond the range.
    let bound = |bound: f32| (bound as i32).cast_unsigned();
    match (op, dtype.is_float()) {
        (Unary::IsNan, true) => Some((Words::IsNan, [0; 2])),
        (Unary::IsInf { positive, negative }, true) => Some((Words::IsInf, [positive.into(), negative.into()])),
        (_, true) => None,
        (Unary::Abs, _) => Some((Words::Abs, [0; 2])),
        (Unary::Neg, _) => Some((Words::Neg, [0; 2])),
        (Unary::Sign, _) => Some((Words::Sign, [0; 2])),
        (Unary::Not, _) => Some((Words::Not, [0; 2])),
        (Unary::Clip { min, max }, _) => Some((Words::Clip, [bound(min.ceil()), bound(max.floor())])),
        (Unary::Relu, _) => Some((Words::Clip, [0, i32::MAX.cast_unsigned()])),
        _ => None,
    }
}

impl Kernels for Unary {
    type Compiled = DType;

    fn takes(geometry: &UnaryGeometry, _: &'static str, dtype: DType) -> bool {
        words(geometry.op, dtype).is_some() || (dtype.is_float() && function(geometry.op).is_some())
    }

    fn output_dtype(geometry: &UnaryGeometry, _: &'static str, first: DType) -> DType {
        if matches!(geometry.op, Unary::IsNan | Unary::IsInf { .. }) { DType::I32 } else { first }
    }

    fn compile(gpu: &Gpu, geometry: &UnaryGeometry, input: &TensorSpec) -> Result<DType> {
        match (words(geometry.op, input.dtype), function(geometry.op)) {
            (None, Some((function, _))) => gpu.compile::<unary::Kernel>(function)?,
            _ => gpu.compile::<unary_words::Kernel>(())?,
        }
        Ok(input.dtype)
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let (&UnaryGeometry { op, shape }, input) = (plan.geometry(), input.tensor()?);
        let whole = 0..shape.elements() as u32;
        in_pieces([whole], &mut |[piece]| {
            let elements = piece.end - piece.start;
            let range = piece.start.into()..piece.end.into();
            let bindings = [&input.binding("input", range.clone())?, &output.binding("output", range)?];
            recorder.gpu().capabilities().check_elements("output", elements.into())?;
            match (words(op, *plan.compiled()), function(op)) {
                (None, Some(function)) => unary(recorder, function, elements, bindings),
                (words, _) => unary_words(recorder, words.unwrap_or((Words::Not, [0; 2])), elements, bindings),
            }
        })
    }

    fn same(&self, other: &Self) -> bool {
        let attributes = |op: Self| function(op).map_or([0; 3], |(_, attributes)| attributes.map(f32::to_bits));
        self == other && attributes(*self) == attributes(*other)
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self::Relu, TensorSpec { shape: [1].into(), dtype: DType::F32 })
    }
}

/// The vector-Jacobian product: the function's derivative at each element of the input, times `grad_output`. A relu's derivative at 0 is 0,
/// a clip's on its bounds 1. Where the input is NaN, both have the derivative 0; sigmoid and tanh have NaN. Predicates have none.
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
        let (None, Some(function)) = (words(op, *plan.compiled()), function(op)) else {
            return Err(Error::dtype("input", format!("{op:?} of {} has no gradient", plan.compiled())));
        };
        recorder.gpu().compile::<unary_backward::Kernel>(function.0)?;
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
            unary_backward(recorder, function, elements, destination.accumulates(), bindings)
        })
    }
}
