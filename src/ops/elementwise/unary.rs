use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{InputGradient, Unary, UnaryGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::unary::{self, Function, function, unary};
use crate::kernels::elementwise::unary_backward::{self, unary_backward};
use crate::kernels::elementwise::unary_words::{self, Words, unary_words};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, in_pieces};

/// The function of a kernel that does an op.
enum Chosen {
    Floats((Function, [f32; 3])),
    /// Of integers, or of floats whose bits it looks at.
    Words((Words, [u32; 2])),
}

/// The function for elements of a type; `None` where the op is none of theirs.
fn chosen(op: Unary, dtype: DType) -> Option<Chosen> {
    // The nearest integers to the bounds, which are none where they are beyond the range.
    let bound = |bound: f32| (bound as i32).cast_unsigned();
    let words = match (op, dtype.is_float()) {
        (Unary::IsNan, true) => (Words::IsNan, [0; 2]),
        (Unary::IsInf { positive, negative }, true) => (Words::IsInf, [positive.into(), negative.into()]),
        (_, true) => return function(op).map(Chosen::Floats),
        (Unary::Abs, _) => (Words::Abs, [0; 2]),
        (Unary::Neg, _) => (Words::Neg, [0; 2]),
        (Unary::Sign, _) => (Words::Sign, [0; 2]),
        (Unary::Not, _) => (Words::Not, [0; 2]),
        (Unary::Clip { min, max }, _) => (Words::Clip, [bound(min.ceil()), bound(max.floor())]),
        (Unary::Relu, _) => (Words::Clip, [0, i32::MAX.cast_unsigned()]),
        _ => return None,
    };
    Some(Chosen::Words(words))
}

impl Kernels for Unary {
    type Compiled = DType;

    fn takes(geometry: &UnaryGeometry, _: &'static str, dtype: DType) -> bool {
        chosen(geometry.op, dtype).is_some()
    }

    fn output_dtype(geometry: &UnaryGeometry, _: &'static str, first: DType) -> DType {
        if matches!(geometry.op, Unary::IsNan | Unary::IsInf { .. }) { DType::I32 } else { first }
    }

    fn compile(gpu: &Gpu, geometry: &UnaryGeometry, input: &TensorSpec) -> Result<DType> {
        match chosen(geometry.op, input.dtype) {
            Some(Chosen::Floats((function, _))) => unary::compile(gpu, function)?,
            _ => gpu.compile::<unary_words::Kernel>(())?,
        }
        Ok(input.dtype)
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let (&UnaryGeometry { op, shape }, input) = (plan.geometry(), input.tensor()?);
        let dtype = *plan.compiled();
        let chosen = chosen(op, dtype).ok_or_else(|| Error::dtype("input", format!("{op:?} takes no {dtype}")))?;
        let whole = 0..shape.elements() as u32;
        in_pieces([whole], &mut |[piece]| {
            let elements = piece.end - piece.start;
            let range = piece.start.into()..piece.end.into();
            let bindings = [&input.binding("input", range.clone())?, &output.binding("output", range)?];
            recorder.gpu().capabilities().check_elements("output", elements.into())?;
            match chosen {
                Chosen::Floats(function) => unary(recorder, function, elements, bindings),
                Chosen::Words(function) => unary_words(recorder, function, elements, bindings),
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
        let Some(Chosen::Floats(function)) = chosen(op, *plan.compiled()) else {
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
