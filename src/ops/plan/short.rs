//! The short way of every op: over a plan in a cache of the device, submitted at once.

use std::borrow::Borrow;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::geometry::{Members, Of, Wanted};
use crate::gpu::{Gpu, Recorder, Tensor};
use crate::ops::plan::{Argument, Differentiable, Kernels, Plan, ToArgument, ToSpec};

/// Computes the op in new tensors, and submits it.
pub(crate) fn forward<O: Kernels, A: ToArgument>(op: &O, inputs: &Of<O::Inputs, A>) -> Result<Of<O::Outputs, Tensor>> {
    let inputs = O::Inputs::map(inputs, ToArgument::to_argument);
    let (gpu, plan) = cached(op, &inputs)?;
    run(gpu, |recorder| plan.forward::<Argument>(recorder, &inputs))
}

/// Computes the gradients of all inputs that have one in new tensors, and submits it.
pub(crate) fn backward<O: Differentiable, A: ToArgument, T: Borrow<Tensor>>(
    op: &O,
    inputs: &Of<O::Inputs, A>,
    grad_output: &Of<O::Outputs, T>,
) -> Result<Of<O::Gradients, Tensor>> {
    let inputs = O::Inputs::map(inputs, ToArgument::to_argument);
    let (gpu, plan) = cached(op, &inputs)?;
    run(gpu, |recorder| plan.backward::<Argument, T>(recorder, &inputs, grad_output))
}

/// Computes the gradients that are wanted in new tensors, and submits it.
pub(crate) fn backward_of<O: Differentiable, A: ToArgument, T: Borrow<Tensor>>(
    op: &O,
    inputs: &Of<O::Inputs, A>,
    grad_output: &Of<O::Outputs, T>,
    wanted: &Of<O::Gradients, Wanted>,
) -> Result<Of<O::Gradients, Tensor>> {
    let inputs = O::Inputs::map(inputs, ToArgument::to_argument);
    let (gpu, plan) = cached(op, &inputs)?;
    run(gpu, |recorder| plan.backward_of::<Argument, T>(recorder, &inputs, grad_output, wanted))
}

/// The plan for these inputs, and the device that the first lies on.
fn cached<'a, O: Kernels>(op: &O, inputs: &Of<O::Inputs, Argument<'a>>) -> Result<(&'a Gpu, Arc<Plan<O>>)> {
    let Some((_, first)) = O::Inputs::present(inputs).next() else {
        let checked = op.geometry(&O::Inputs::map(inputs, |input| input.to_spec().shape));
        return Err(checked
            .err()
            .unwrap_or_else(|| Error::shape("input", "0 inputs were given; at least 1 is needed")));
    };
    let gpu = first.gpu();
    let specs: Vec<_> = O::Inputs::named(inputs).map(|(_, input)| Some(input?.to_spec())).collect();
    let plan = gpu.plan(op, O::same, specs, || Plan::new::<Argument>(gpu, op, inputs))?;
    Ok((gpu, plan))
}

/// Records with `record` and submits.
fn run<T>(gpu: &Gpu, record: impl FnOnce(&mut Recorder) -> Result<T>) -> Result<T> {
    let mut recorder = Recorder::new(gpu);
    let outputs = record(&mut recorder)?;
    recorder.submit()?;
    Ok(outputs)
}
