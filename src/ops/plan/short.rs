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
    Ok((gpu, Plan::cached::<Argument>(gpu, op, inputs)?))
}

impl<O: Kernels> Plan<O> {
    /// The plan that `gpu` keeps for this op and inputs like these, made by [`Plan::new`] if there is none: what the short ways of ops go by, for code
    /// that records by itself and holds no plans. `inputs` are tensors or their specs.
    ///
    /// ```no_run
    /// use pliant::{DType, Gpu, GridSample, GridSampleInputs, GridSamplePlan, TensorSpec};
    ///
    /// # fn example(gpu: &Gpu) -> pliant::Result<()> {
    /// let spec = |shape: [u32; 4]| TensorSpec { shape: shape.into(), dtype: DType::F32 };
    /// let inputs = GridSampleInputs { input: spec([1, 3, 32, 32]), grid: spec([1, 16, 16, 2]) };
    /// let plan = GridSamplePlan::cached(gpu, &GridSample::default(), &inputs)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Plan::new`].
    pub fn cached<S: ToSpec>(gpu: &Gpu, op: &O, inputs: &Of<O::Inputs, S>) -> Result<Arc<Self>> {
        let specs = O::Inputs::named(inputs).map(|(_, input)| Some(input?.to_spec())).collect();
        gpu.plan(op, O::same, specs, || Self::new::<S>(gpu, op, inputs))
    }
}

/// Records with `record` and submits.
fn run<T>(gpu: &Gpu, record: impl FnOnce(&mut Recorder) -> Result<T>) -> Result<T> {
    let mut recorder = Recorder::new(gpu);
    let outputs = record(&mut recorder)?;
    recorder.submit()?;
    Ok(outputs)
}
