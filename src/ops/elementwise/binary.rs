use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Binary, BinaryGeometry, BinaryGradients, BinaryInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::elementwise::binary;
use crate::ops::elementwise::broadcast::{Elementwise, gradient};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};

impl Kernels for Binary {
    type Compiled = ();

    fn compile(gpu: &Gpu, _: &BinaryGeometry, _: &BinaryInputs<TensorSpec>) -> Result<()> {
        gpu.compile::<binary::Kernel>(())
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &BinaryInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let (op, axes) = (Some(plan.geometry().op), plan.geometry().axes());
        let elementwise = Elementwise { op, scale: 1.0, axes, accumulate: false };
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
            };
            gradient(recorder, axes, operand, factor.as_ref(), grad_output, destination)?;
        }
        Ok(())
    }
}
