use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Cast, CastGeometry, CastTo};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::unary_words::{self, Words, unary_words};
use crate::ops::plan::{Argument, Kernels, Plan, in_pieces};

impl Kernels for Cast {
    type Compiled = DType;

    fn takes(_: &CastGeometry, _: &'static str, _: DType) -> bool {
        true
    }

    fn output_dtype(geometry: &CastGeometry, _: &'static str, _: DType) -> DType {
        match geometry.op.to {
            CastTo::Type(dtype) => dtype,
            CastTo::Boolean => DType::I32,
        }
    }

    fn compile(gpu: &Gpu, _: &CastGeometry, input: &TensorSpec) -> Result<DType> {
        gpu.compile::<unary_words::Kernel>(())?;
        Ok(input.dtype)
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let (CastGeometry { op, shape }, input) = (plan.geometry(), input.tensor()?);
        let is_float = plan.compiled().is_float();
        let function = match op.to {
            // Zeros of floats have either sign.
            CastTo::Boolean if is_float => (Words::Nonzero, [0x7fff_ffff, 0]),
            CastTo::Boolean => (Words::Nonzero, [u32::MAX, 0]),
            CastTo::Type(to) if to.is_float() == is_float => {
                (Words::Clip, [i32::MIN, i32::MAX].map(i32::cast_unsigned))
            }
            CastTo::Type(to) if to.is_float() => (Words::ToFloat, [0; 2]),
            CastTo::Type(_) => (Words::ToInteger, [0; 2]),
        };
        let whole = 0..shape.elements() as u32;
        in_pieces([whole], &mut |[piece]| {
            let elements = piece.end - piece.start;
            let range = piece.start.into()..piece.end.into();
            let bindings = [&input.binding("input", range.clone())?, &output.binding("output", range)?];
            recorder.gpu().capabilities().check_elements("output", elements.into())?;
            unary_words(recorder, function, elements, bindings)
        })
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self { to: CastTo::Boolean }, TensorSpec { shape: [1].into(), dtype: DType::F32 })
    }
}
