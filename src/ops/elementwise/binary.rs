use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Binary, BinaryGeometry, BinaryGradients, BinaryInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::binary::{self, Function};
use crate::kernels::elementwise::binary_words;
use crate::ops::elementwise::broadcast::{Elementwise, gradient};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};

impl Kernels for Binary {
    type Compiled = DType;

    fn takes(geometry: &BinaryGeometry, _: &'static str, dtype: DType) -> bool {
        let op = geometry.op;
        if dtype.is_float() { !op.of_integers() } else { binary_words::function(op, false).is_some() }
    }

    fn output_dtype(geometry: &BinaryGeometry, _: &'static str, first: DType) -> DType {
        if geometry.op.compares() { DType::I32 } else { first }
    }

    fn compile(gpu: &Gpu, geometry: &BinaryGeometry, inputs: &BinaryInputs<TensorSpec>) -> Result<DType> {
        let dtype = inputs.a.dtype;
        if inputs.b.dtype.is_float() != dtype.is_float() {
            return Err(Error::dtype("b", format!("b holds {}; a holds {dtype}", inputs.b.dtype)));
        }
        match (Function::of(geometry.op), binary_words::function(geometry.op, dtype.is_float())) {
            (_, Some((functions, ..))) => gpu.compile::<binary_words::Kernel>(functions)?,
            (function, None) => gpu.compile::<binary::Kernel>(function.unwrap_or(Function::First))?,
        }
        Ok(dtype)
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &BinaryInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let (op, axes) = (Some(plan.geometry().op), plan.geometry().axes());
        let integers = !plan.compiled().is_float();
        let elementwise = Elementwise { op, scale: 1.0, axes, accumulate: false, integers };
        elementwise.record(recorder, [inputs.a.tensor()?, inputs.b.tensor()?], output)
    }

    fn smallest() -> (Self, BinaryInputs<TensorSpec>) {
        let one = TensorSpec { shape: [1].into(), dtype: DType::F32 };
        (Self::Add, BinaryInputs { a: one, b: one })
    }
}

/// The vector-Jacobian product of an operand: `grad_output`, times the other operand where that is a factor, summed over the axes along
/// which the operand is repeated. Where the output has no batch, these sums are 0.
impl Differentiable for Binary {
    type Gradients = BinaryGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &BinaryInputs<Argument>,
        grad_output: &Tensor,
        destinations: &BinaryGradients<Destination>,
    ) -> Result<()> {
        let axes = &plan.geometry().axes();
        for (operand, destination, other) in [(0, destinations.a, inputs.b), (1, destinations.b, inputs.a)] {
            let Some(destination) = destination else { continue };
            let factor = match plan.geometry().op {
                Self::Add => None,
                Self::Mul => Some(other.wide(recorder)?),
                op => return Err(Error::Unsupported(format!("{op:?} has no gradient"))),
            };
            gradient(recorder, axes, operand, factor.as_ref(), grad_output, destination)?;
        }
        Ok(())
    }
}
