use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Binary, BinaryGeometry, BinaryGradients, BinaryInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::binary::{self, Function};
use crate::kernels::elementwise::binary_backward::Differentiated;
use crate::kernels::elementwise::binary_words;
use crate::ops::elementwise::broadcast::{Elementwise, gradient, gradient_of};
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
            (function, None) => binary::compile(gpu, function.unwrap_or(Function::First))?,
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
        let operands = [inputs.a.tensor()?, inputs.b.tensor()?];
        elementwise.record_ending_with(plan.activation(), recorder, operands, output)
    }

    fn smallest() -> (Self, BinaryInputs<TensorSpec>) {
        let one = TensorSpec { shape: [1].into(), dtype: DType::F32 };
        (Self::Add, BinaryInputs { a: one, b: one })
    }
}

/// The vector-Jacobian product of an operand: `grad_output` times the derivative, summed over the axes along which the operand is repeated. Of two
/// equal operands of a minimum or maximum each has half of it. Comparisons and functions of integers have none. Where the output has no batch, these sums are 0.
impl Differentiable for Binary {
    type Gradients = BinaryGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &BinaryInputs<Argument>,
        grad_output: &Tensor,
        destinations: &BinaryGradients<Destination>,
    ) -> Result<()> {
        let (op, axes) = (plan.geometry().op, &plan.geometry().axes());
        if let (Some(differentiated), true) = (Differentiated::of(op), plan.compiled().is_float()) {
            let [a, b] = [inputs.a.wide(recorder)?, inputs.b.wide(recorder)?];
            for (operand, destination) in [(0, destinations.a), (1, destinations.b)] {
                let Some(destination) = destination else { continue };
                gradient_of(recorder, differentiated, axes, operand, [&a, &b, grad_output], destination)?;
            }
            return Ok(());
        }
        for (operand, destination, other) in [(0, destinations.a, inputs.b), (1, destinations.b, inputs.a)] {
            let Some(destination) = destination else { continue };
            let factor = match op {
                Self::Add if plan.compiled().is_float() => None,
                Self::Mul if plan.compiled().is_float() => Some(other.wide(recorder)?),
                _ => return Err(Error::dtype("a", format!("{op:?} of {} has no gradient", plan.compiled()))),
            };
            gradient(recorder, axes, operand, factor.as_ref(), grad_output, destination)?;
        }
        Ok(())
    }
}
